"""The linter of price books: pure functions from a book to what is wrong with it, each with its proof."""
