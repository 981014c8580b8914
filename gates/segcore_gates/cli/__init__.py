"""The judge's sub-commands of ``segcore``; each module holds the function of one command."""
