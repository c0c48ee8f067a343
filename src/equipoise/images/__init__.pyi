from .imageset import ImageSet as ImageSet
from .reading import read_images as read_images
