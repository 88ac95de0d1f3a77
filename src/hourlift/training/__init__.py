"""One training loop for both stages: `loop.train` runs whatever fulfils `loop.Stage`."""
