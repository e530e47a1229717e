"""Words as numbers, inside the graph: a constant vocabulary, and no lookup table."""

from collections.abc import Iterable, Sequence

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import check

__all__ = ["Vocabulary", "question_words", "slug", "split_words"]


class Vocabulary:
    """Numbers the words of a list; all other words share one number.

    A table would be state, which a served signature must not have. So words are compared with a constant: by their
    64-bit fingerprints, sorted, since comparing texts one by one takes longer than everything that comes after.

    Args:
        words: the known words, in the order of their numbers.

    Raises:
        ValueError: for a word that comes twice, or is empty.

    Example:
        >>> colours = Vocabulary(["red", "green"])
        >>> colours.ids(tf.constant([["green", "mauve"], ["red", ""]])).numpy().tolist()
        [[1, 2], [0, 2]]
    """

    def __init__(self, words: Sequence[str]):
        self.words = tuple(words)
        twice = sorted({word for word in self.words if self.words.count(word) > 1}) if self._repeats() else []
        check(not twice, f"these words come twice: {', '.join(twice)}; expected each once.")
        check("" not in self.words, "a word is empty; expected words of a letter at least.")
        prints = _fingerprints(tf.constant(self.words, tf.string, [len(self.words)])).numpy()
        order = np.argsort(prints)
        self._prints = prints[order]
        self._ids = order.astype(np.int32)

    @property
    def unknown(self) -> int:
        """The number of every word that is not in the list."""
        return len(self.words)

    @property
    def size(self) -> int:
        """How many numbers there are: one for each word, and the one of unknown words."""
        return len(self.words) + 1

    def ids(self, words: tf.Tensor) -> tf.Tensor:
        """Numbers words.

        Args:
            words: strings of any shape.

        Returns:
            Numbers from 0, int32 of the same shape; `unknown` for words that are not in the list.
        """
        if not self.words:
            return tf.zeros_like(words, tf.int32)
        prints = _fingerprints(words)
        places = tf.searchsorted(self._prints, tf.reshape(prints, [-1]))
        places = tf.reshape(tf.minimum(places, len(self.words) - 1), tf.shape(prints))
        known = tf.gather(self._prints, places) == prints
        return tf.ensure_shape(tf.where(known, tf.gather(self._ids, places), self.unknown), words.shape)

    def _repeats(self) -> bool:
        return len(set(self.words)) < len(self.words)


def split_words(questions: tf.Tensor) -> tf.Tensor:
    """Splits questions into words: lower case, whatever is no letter and no digit separates them.

    Args:
        questions: ``[B]`` strings, UTF-8.

    Returns:
        Words ``[B, T]`` and a full stop after the last, so that T is at least 1; filled up with empty strings.

    Example:
        >>> split_words(tf.constant(["What's in Florida?", ""])).numpy().tolist()
        [[b'what', b's', b'in', b'florida', b'.'], [b'.', b'', b'', b'', b'']]
    """
    plain = tf.strings.regex_replace(tf.strings.lower(questions, "utf-8"), r"[^\pL\pN]+", " ")
    return tf.strings.split(tf.strings.join([plain, " ."])).to_tensor("")


def question_words(questions: Iterable[str]) -> tuple[str, ...]:
    """Lists the words of questions, sorted, for the vocabulary of a model that is to read them.

    Example:
        >>> question_words(["Is it red?", "Is it round?"])
        ('.', 'is', 'it', 'red', 'round')
    """
    found = np.unique(split_words(tf.constant(list(questions))).numpy().astype(bytes))
    return tuple(word.decode() for word in found if word)


def slug(names: tf.Tensor) -> tf.Tensor:
    """Spells names as arguments of a module are spelt: ``"Key Largo"`` as ``"key-largo"``.

    Example:
        >>> slug(tf.constant(["Key Largo", "key_largo"])).numpy().tolist()
        [b'key-largo', b'key-largo']
    """
    plain = tf.strings.regex_replace(tf.strings.lower(names, "utf-8"), r"[^\pL\pN]+", "-")
    return tf.strings.regex_replace(plain, "^-|-$", "")


def _fingerprints(words: tf.Tensor) -> tf.Tensor:
    return tf.strings.to_hash_bucket_fast(words, 2**63 - 1)
