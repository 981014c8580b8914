"""Lints as checks of a policy: what is wrong with a delivery before anything is measured."""
