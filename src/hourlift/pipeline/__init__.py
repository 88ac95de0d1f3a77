"""From a photo, video or webcam to poses and files: read, find people, lift, finish, write."""
