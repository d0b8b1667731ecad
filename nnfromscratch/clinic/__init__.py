"""The clinic: sick networks from a seed, to practise on and for exercise set 15.

from nnfromscratch.clinic import admit, cause_of, patient, train

sick = patient(seed=1, number=9)  # numbers are kinds of fault, seeds are patients
losses, loss, error = train(sick)  # a copy is trained; the patient stays as it is
cause_of(9)  # once you have found it
"""

from .faults import KINDS, Draft, Fault
from .patients import Patient, Trained, train
from .treatment import differences
from .ward import TREATED, admit, cause_of, patient

__all__ = [
    "KINDS",
    "TREATED",
    "Draft",
    "Fault",
    "Patient",
    "Trained",
    "admit",
    "cause_of",
    "differences",
    "patient",
    "train",
]
