"""python -m fcemu."""

from fcemu.cli import main

if __name__ == "__main__":
    main()
