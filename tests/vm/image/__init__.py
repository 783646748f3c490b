"""The guest's disk, kernel and initramfs, made of Debian packages.

Everything in this folder, and nothing else, decides what the image contains: its key is made of
the files here.
"""
