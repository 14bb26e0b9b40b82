"""What one running server has. It is passed as an argument, and is never global."""

from dataclasses import dataclass, field

from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.jobs.wake_ups import WakeUps
from earwitness.archive.media.plays import Plays
from earwitness.http.limits.fair_queue import FairQueue
from earwitness.http.limits.priority_lanes import PriorityLanes
from earwitness.http.monitoring.health_checks import Checks
from earwitness.http.monitoring.metrics import Metrics
from earwitness.http.monitoring.refusals import Refusals
from earwitness.http.playback.download import STALLED_SECONDS
from earwitness.http.playback.held_renditions import HeldRenditions
from earwitness.http.playback.rendition_time import RenditionSpeeds
from earwitness.http.playback.stream_places import StreamPlaces
from earwitness.http.tokens import Tokens
from earwitness.kernel.settings import Settings
from earwitness.media.measurement import DecoderLimits


@dataclass(frozen=True, slots=True)
class Installation:
    """What one running server has. `work` wakes the job loop when a job was queued."""

    settings: Settings
    accounts: Accounts
    tokens: Tokens
    metrics: Metrics
    refusals: Refusals
    work: WakeUps = field(default_factory=WakeUps)
    renditions: HeldRenditions = field(default_factory=HeldRenditions)
    speeds: RenditionSpeeds = field(default_factory=RenditionSpeeds)
    streams: StreamPlaces = field(default_factory=StreamPlaces)
    stalled_seconds: float = STALLED_SECONDS
    plays: Plays = field(default_factory=Plays)
    fair_queue: FairQueue = field(default_factory=FairQueue)
    priority_lanes: PriorityLanes = field(default_factory=PriorityLanes)
    checks: Checks = field(default_factory=Checks)

    @property
    def limits(self) -> DecoderLimits:
        """The time and memory that one decoding may use."""
        return DecoderLimits(self.settings.decoder_seconds, self.settings.decoder_memory_mib)

    @property
    def decrypting(self) -> FairQueue | None:
        """The queue for decrypting stored media. None with a bucket, since downloads then wait for that."""
        return None if self.settings.media_url else self.fair_queue
