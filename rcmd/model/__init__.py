"""The nouns, by who speaks of them: the kernel, the files, people and programs."""
