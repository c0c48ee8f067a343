from .augment import Augment as Augment
from .augment import ClassStrengthWarning as ClassStrengthWarning
from .class_augmentation import ClassAugmentation as ClassAugmentation
from .imageset import ImageSet as ImageSet
from .reader import ImageReader as ImageReader
from .reading import read_images as read_images
