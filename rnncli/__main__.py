"""Run the command line as ``python -m rnncli``."""

from rnncli.cli.app import main

if __name__ == "__main__":
    main()
