from .method import QuestionMethod as QuestionMethod
from .method import QuestionTraining as QuestionTraining
from .monolithic import Monolithic as Monolithic
from .nmn import NMN as NMN
