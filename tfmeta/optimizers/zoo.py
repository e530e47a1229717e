"""The zoo of hand-designed update rules: each is one of Keras's own optimizers, beside its equation."""

import dataclasses
from collections.abc import Callable

import keras

from tfmeta.core.checks import nearest

__all__ = ["ZOO", "HandDesignedRule", "find_rule"]

MOMENTUM = 0.9
"""The slides' γ, of momentum and of Nesterov's."""


@dataclasses.dataclass(frozen=True)
class HandDesignedRule:
    """An update rule that people designed, whose learning rate η is the one thing left open.

    Attributes:
        name: what it is asked for by.
        title: what a figure calls it.
        make: gives Keras's optimizer for a learning rate; everything but the rate is fixed.
        equation: the update in LaTeX and the slides' letters; where Keras's differs, ``docs/optimizers.md``
            says so.
        reference: where the rule comes from.

    Example:
        >>> ZOO["adam"].make(0.01).name
        'adam'
    """

    name: str
    title: str
    make: Callable[[float], keras.optimizers.Optimizer]
    equation: str
    reference: str


_RULES = (
    HandDesignedRule(
        "gradient_descent",
        "Gradient descent",
        lambda rate: keras.optimizers.SGD(rate, name="gradient_descent"),
        r"\theta_{t+1} = \theta_t - \eta\, \nabla f(\theta_t)",
        "Cauchy 1847",
    ),
    HandDesignedRule(
        "momentum",
        "Momentum",
        lambda rate: keras.optimizers.SGD(rate, momentum=MOMENTUM, name="momentum"),
        r"\nu_t = \gamma \nu_{t-1} + \eta\, \nabla f(\theta_t), \qquad \theta_{t+1} = \theta_t - \nu_t",
        "Polyak 1964",
    ),
    HandDesignedRule(
        "nesterov",
        "Nesterov",
        lambda rate: keras.optimizers.SGD(rate, momentum=MOMENTUM, nesterov=True, name="nesterov"),
        r"\nu_t = \gamma \nu_{t-1} + \eta\, \nabla f(\theta_t - \gamma \nu_{t-1}),"
        r" \qquad \theta_{t+1} = \theta_t - \nu_t",
        "Nesterov 1983; Sutskever et al. 2013",
    ),
    HandDesignedRule(
        "adagrad",
        "Adagrad",
        # Keras would begin the sum of squares at 0.1, the slide begins at 0.
        lambda rate: keras.optimizers.Adagrad(rate, initial_accumulator_value=0.0, name="adagrad"),
        r"G_t = G_{t-1} + g_t^2, \qquad \theta_{t+1} = \theta_t - \frac{\eta}{\sqrt{G_t + \epsilon}}\, g_t",
        "Duchi, Hazan, Singer 2011",
    ),
    HandDesignedRule(
        "adadelta",
        "Adadelta",
        lambda rate: keras.optimizers.Adadelta(rate, name="adadelta"),
        r"E[g^2]_t = \gamma E[g^2]_{t-1} + (1 - \gamma) g_t^2,"
        r" \qquad \Delta\theta_t = -\frac{\sqrt{E[\Delta\theta^2]_{t-1} + \epsilon}}"
        r"{\sqrt{E[g^2]_t + \epsilon}}\, g_t, \qquad \theta_{t+1} = \theta_t + \eta\, \Delta\theta_t",
        "Zeiler 2012",
    ),
    HandDesignedRule(
        "rmsprop",
        "RMSProp",
        lambda rate: keras.optimizers.RMSprop(rate, name="rmsprop"),
        r"E[g^2]_t = \gamma E[g^2]_{t-1} + (1 - \gamma) g_t^2,"
        r" \qquad \theta_{t+1} = \theta_t - \frac{\eta}{\sqrt{E[g^2]_t + \epsilon}}\, g_t",
        "Tieleman, Hinton 2012",
    ),
    HandDesignedRule(
        "adam",
        "Adam",
        lambda rate: keras.optimizers.Adam(rate, name="adam"),
        r"\theta_{t+1} = \theta_t - \frac{\eta}{\sqrt{\hat v_t} + \epsilon}\, \hat m_t",
        "Kingma, Ba 2015",
    ),
)

ZOO = {rule.name: rule for rule in _RULES}
"""The rules by name, in the order of the slides."""


def find_rule(name: str) -> HandDesignedRule:
    """Returns a rule of the zoo.

    Raises:
        ValueError: for a name that it does not hold.

    Example:
        >>> find_rule("rmsprop").title
        'RMSProp'
    """
    if name not in ZOO:
        raise ValueError(f"The zoo has no rule {name!r}. {nearest(name, ZOO)}")
    return ZOO[name]
