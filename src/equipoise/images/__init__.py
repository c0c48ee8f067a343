"""Images: reading of folders, tables, archives and arrays of images, and augmentation of batches."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
