"""The ten digits as 84 numbers of +1 and -1: what the output units of LeNet-5 hold.

LeCun, Bottou, Bengio, Haffner 1998, Fig. 3, which shows 96 characters on bitmaps of 7x12 pixels.
The bars above 0, 2, 4 and 5 are the figure's: without them the digits would be its o, z, y and s.
Read from the figure's pixels, and the same as the table of mattwang44/LeNet-from-Scratch. Two
others that go back to the figure are off by one pixel each: Jay-Nindu/LeNet_in_Pytorch has one
more in the 9 (row 3, column 4), TheProjectsGuy/MLHub one less in the 3 (row 8, column 1).
"""

BITMAPS = (
    """
    .#####.  ...##..  .#####.  #######  .#####.
    .......  ..###..  .......  .....##  .......
    ..###..  .####..  .#####.  ....##.  .......
    .##.##.  ...##..  ##...##  ...##..  .##..##
    ##...##  ...##..  #....##  ..####.  .##..##
    ##...##  ...##..  ....##.  .....##  ###..##
    ##...##  ...##..  ..###..  .....##  ##...##
    ##...##  ...##..  .##....  .....##  ##...##
    .##.##.  ...##..  ##.....  ##...##  ##..###
    ..###..  .######  #######  .#####.  .######
    .......  .......  .......  .......  .....##
    .......  .......  .......  .......  .....##
    """,
    """
    .#####.  ..####.  #######  .#####.  .#####.
    .......  .##....  .....##  ##...##  ##..###
    #######  ##.....  .....##  ##...##  ##...##
    ##.....  ##.....  ....##.  ##...##  ##...##
    ##.....  ######.  ...##..  .#####.  ##..###
    .####..  ###..##  ...##..  ##...##  .######
    ..####.  ##...##  ..##...  ##...##  .....##
    .....##  ##...##  ..##...  ##...##  .....##
    ##...##  ###..##  ..##...  ##...##  ....##.
    .#####.  .#####.  ..##...  .#####.  .####..
    .......  .......  .......  .......  .......
    .......  .......  .......  .......  .......
    """,
)


def codes() -> tuple[tuple[float, ...], ...]:
    """(10, 84): each digit row by row, ink +1 and paper -1."""
    found = []
    for five in BITMAPS:
        lines = [line.split() for line in five.split("\n") if line.strip()]
        for digit in zip(*lines, strict=True):
            found.append(tuple(1.0 if pixel == "#" else -1.0 for pixel in "".join(digit)))
    return tuple(found)


DIGIT_CODES = codes()
