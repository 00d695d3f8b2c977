"""``python -m device.bed.close``, with ``tests`` on the path: end all that the bed left running, its engine too."""

from device.bed import place

if __name__ == "__main__":
    place.end_left_over_processes(keep=[])
