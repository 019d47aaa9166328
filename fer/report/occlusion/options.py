"""What the occlusion analysis is asked to do."""

from fer.common.section import Section


class OcclusionOptions(Section):
    """Options of the occlusion analysis.

    Attributes:
        enabled: ask the model again about faces with a part hidden; with runs trained under different masks, also make
            the table of training mask by test mask.
    """

    enabled: bool = True
