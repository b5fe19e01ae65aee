"""The data layer: a name or a path becomes uint8 images and labels, and later batches, in NumPy."""

from common.data.augment import augment
from common.data.batches import normalise, orders
from common.data.dataset import DataSet
from common.data.fit import described, fit
from common.data.fits import check_fits
from common.data.names import NAMES, Entry, catalogue, load
from common.data.split import shuffled_split, stratified_split

__all__ = [
    "NAMES",
    "DataSet",
    "Entry",
    "augment",
    "catalogue",
    "check_fits",
    "described",
    "fit",
    "load",
    "normalise",
    "orders",
    "shuffled_split",
    "stratified_split",
]
