"""What methods share that compare embedded images."""

import dataclasses

import keras

from tfmeta.core.checks import TfmetaError
from tfmeta.core.settings import setting
from tfmeta.data.episode_tasks import ClassTasks, EpisodeTasks
from tfmeta.fewshot.methods.method import EpisodeTraining, FewShotMethod
from tfmeta.networks.conv4 import Downsampling, conv4

__all__ = ["EmbeddingMethod"]


@dataclasses.dataclass(frozen=True)
class EmbeddingMethod(FewShotMethod[EpisodeTraining]):
    """A method that embeds each image by the four-block convolution network and compares the embeddings."""

    takes = ClassTasks

    downsampling: Downsampling = setting("mixed", "how blocks halve an image: pooling is slower; see conv4")

    def training(self, tasks: EpisodeTasks) -> EpisodeTraining:
        # Many classes at once make a harder task than a test's, which is what Snell et al. 2017 recommend.
        training = EpisodeTraining(ways=60, queries=5, steps=3000, learning_rate=5e-3, test_ways=5)
        return training.fitted(tasks)

    def embedding(self, tasks: EpisodeTasks, training: EpisodeTraining) -> keras.Model:
        """Builds the network, ``[B, H, W, C] -> [B, D]``.

        Raises:
            TfmetaError: for items that are no images.
        """
        if len(tasks.item_shape) != 3:
            raise TfmetaError(
                f"{self.title} embeds images [H, W, C], but an item of {tasks.name} has the shape {tasks.item_shape}."
            )
        return conv4(
            tasks.item_shape, downsampling=self.downsampling, linear_features=True, seed=training.seed
        )
