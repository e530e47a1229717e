from .client import Client as Client
from .client import FewShotClient as FewShotClient
from .client import Retries as Retries
from .client import ServedModel as ServedModel
from .errors import ServingError as ServingError
from .process import ServerProcess as ServerProcess
from .server import Server as Server
from .tls import Tls as Tls
