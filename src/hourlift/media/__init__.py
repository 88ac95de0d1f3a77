"""Reading and writing images and videos, from files, folders and cameras."""
