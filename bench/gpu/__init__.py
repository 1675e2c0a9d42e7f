"""What only a GPU can say, in pieces: `python -m bench.gpu`. Each piece is a file, and runs small on a CPU as well."""
