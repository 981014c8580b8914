"""The verifier of an evidence bundle: the standard library alone, Python 3.9 and later.

It is a second implementation of the judge, written apart from the first, so that it checks this too.
They are joined into the ``verify.py`` of every bundle by :mod:`segcore_gates.evidence.verify_file`,
so that no two of them may give one name to two things, and they import nothing but one another and the
standard library.
"""
