"""``python -m boilerplate``."""

from boilerplate.cli import main

if __name__ == "__main__":
    main()
