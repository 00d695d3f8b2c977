"""What lives long: looking for releases, carrying out updates, and the news of both."""
