from .files import check_place as check_place
from .model import FORMAT as FORMAT
from .model import load as load
from .model import read_card as read_card
from .model import save as save
