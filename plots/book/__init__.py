"""The reproduction book: the accelerator model beside the papers."""
