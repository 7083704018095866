"""System checks of the settings, the storages and the transcoder.

They use neither the network nor the contents of a storage. Only W103 and W106 use the database, so
they run only if they are told to.

========  ==========================================================================
E001      a value of ``SHIFT_MEDIA``, or a name in it, is wrong
E002      the media storage is not a `MediaStorage`, or its options are wrong
E003      a local storage's ``base_url`` is not where ``shift_media.urls`` is included
W001      resizes are signed with ``SECRET_KEY``
W002      ``CACHE`` names a cache that is local to one process
W003      ``MAX_PIXELS`` exceeds the number of pixels at which Pillow warns
E006      the transcoder or one of its options is wrong
E007      ``SNS_TOPICS`` is set, but cryptography is not installed
E008      Elastic Transcoder is closed, and no service is named that replaces it
E009      a profile has a rendition that the transcoder cannot make
E010      ``ENGINE`` is ``"vips"``, but pyvips is not installed
E011      a field in ``UPLOADS`` is not a media field, or its rule cannot be imported
E012      ``TASKS`` is not an alias of Django's ``TASKS``, or django-tasks is not installed
E013      a column in ``HISTORY`` does not exist
E014      the rules of a collection are wrong
E015      the function in ``MAY_READ`` cannot be imported
E016      URLs of private files in a bucket do not lead to ``shift_media.urls``
E017      the interpreter of worker processes does not exist
W005      videos are to be transcoded, but ffmpeg is not installed
W006      a profile has renditions beside its job, which Elastic Transcoder leaves out
W007      a key in ``SIGNING_KEYS`` is short, or copied from an example
W008      a plain ``FileField`` on S3 overwrites files with the same name
W009      the per-site cache keeps pages for longer than signed URLs in them are valid
W010      django-cleanup deletes files of media fields, also those that other rows refer to
W011      the policy of a storage with public originals publishes private ones of another storage
W012      URLs of private files are http (``check --deploy``)
W013      private files are in a folder that a web server may send as a whole
W014      ``MAY_READ`` is never called, because no storage has private files
W015      ``WORKER_MEMORY`` does not suffice for an original of ``MAX_PIXELS``
W103      rows of a media field have names that are not keys (``check --database``, ``migrate``)
W106      a migration will change the column of a media field (``check --database``, ``migrate``)
I001      a profile in preset ids uses defaults of shift_media for unknown details of a preset
I002      originals are private, but what is derived from them is public (``check --deploy``)
I003      public originals keep the metadata of cameras (``check --deploy``)
========  ==========================================================================
"""

from shift_media.checks import configuration, private_files, rows, storages, transcoding
from shift_media.deletion import checks as deletion

__all__ = ["configuration", "deletion", "private_files", "rows", "storages", "transcoding"]
