from .cosine import CosineLinear as CosineLinear
from .cosine import CosineMLPStack as CosineMLPStack
from .mlp import MLPStack as MLPStack
from .modules import ModuleStack as ModuleStack
from .modules import Stack as Stack
from .scalar_head import ScalarHead as ScalarHead
from .scalar_head import factored_perceptron as factored_perceptron
