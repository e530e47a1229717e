"""Run far from the checkout, with the wheel and its requirements alone: do the models arrive and answer?"""

from pathlib import Path

import numpy as np

import tfmeta
from tfmeta.paths import PACKAGED_MODELS, model_folders

checkout = Path(__file__).resolve().parent.parent
installed = Path(tfmeta.__file__).resolve()
assert (checkout / "tfmeta") not in installed.parents, f"{installed} is the checkout's, not the wheel's"
assert model_folders() == [PACKAGED_MODELS], model_folders()

shipped = sorted(path.parent.parent.name for path in PACKAGED_MODELS.glob("*/*/saved_model.pb"))
in_checkout = sorted(path.parent.parent.name for path in checkout.glob("saved_models/*/*/saved_model.pb"))
assert shipped and shipped == in_checkout, f"the wheel carries {shipped}, the checkout {in_checkout}"

model = tfmeta.load("prototypical_omniglot")
random = np.random.default_rng(0)
support_x = random.random((1, 5, 28, 28, 1), np.float32)
answer = model.classify(support_x=support_x, support_y=np.arange(5)[None], query_x=support_x[:, ::-1])
assert np.asarray(answer["labels"]).tolist() == [[4, 3, 2, 1, 0]], answer["labels"]
print(f"tfmeta {tfmeta.__version__} from its wheel: {', '.join(shipped)}; prototypical_omniglot answers")
