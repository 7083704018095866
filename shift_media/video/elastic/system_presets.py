"""The system presets, as far as they are known. ``-`` is unknown; no value is a guess.

Compiled from the developer guide, which named all presets but described few properties, and from
published answers of ``list-presets``. An id is ``1351620000001-`` and the six digits given here.
The guide's rows for 100180 and 100190 were swapped; the tables follow the answers.
"""

PREFIX = "1351620000001-"
"""The beginning of the ids of all system presets that were not retired."""

PRESETS = """
id    | container| video| audio| name
000001| mp4      | yes  | yes  | Generic 1080p
000010| mp4      | yes  | yes  | Generic 720p
000020| mp4      | yes  | yes  | Generic 480p 16:9
000030| mp4      | yes  | -    | Generic 480p 4:3
000040| mp4      | yes  | -    | Generic 360p 16:9
000050| mp4      | yes  | -    | Generic 360p 4:3
000061| mp4      | yes  | -    | Generic 320x240
100020| mp4      | yes  | -    | iPhone4S
100040| mp4      | yes  | -    | iPod Touch
100050| mp4      | yes  | -    | Apple TV 2G
100060| mp4      | yes  | -    | Apple TV 3G
100070| mp4      | yes  | yes  | Web
100080| mp4      | yes  | -    | KindleFireHD
100090| mp4      | yes  | -    | KindleFireHD8.9
100110| mp4      | no   | yes  | Audio AAC - 256k
100120| mp4      | no   | yes  | Audio AAC - 160k
100130| mp4      | no   | yes  | Audio AAC - 128k
100141| mp4      | no   | yes  | Audio AAC - 64k
100150| mp4      | yes  | -    | KindleFireHDX
100160| mpg      | yes  | -    | NTSC - MPG
100170| mpg      | yes  | -    | PAL - MPG
100180| mp4      | yes  | -    | Full HD 1080i60 - MP4
100190| mp4      | yes  | -    | Full HD 1080i50 - MP4
100200| gif      | yes  | no   | Gif (Animated)
100210| flv      | yes  | -    | Web: Flash Video
100220| mxf      | yes  | -    | Full HD 1080i60 - XDCAM422
100230| mxf      | yes  | -    | Full HD 1080i50 - XDCAM422
100240| webm     | yes  | -    | Webm 720p
100250| webm     | yes  | -    | Webm VP9 720p
100260| webm     | yes  | -    | Webm VP9 360p
200010| ts       | yes  | yes  | HLS 2M
200015| ts       | yes  | no   | HLS Video - 2M
200020| ts       | yes  | yes  | HLS 1.5M
200025| ts       | yes  | no   | HLS Video - 1.5M
200030| ts       | yes  | yes  | HLS 1M
200035| ts       | yes  | no   | HLS Video - 1M
200040| ts       | yes  | yes  | HLS 600k
200045| ts       | yes  | no   | HLS Video - 600k
200050| ts       | yes  | yes  | HLS 400k
200055| ts       | yes  | no   | HLS Video - 400k
200060| ts       | no   | yes  | HLS Audio - 160k
200071| ts       | no   | yes  | HLS Audio - 64k
300010| mp3      | no   | yes  | Audio MP3 - 320k
300020| mp3      | no   | yes  | Audio MP3 - 192k
300030| mp3      | no   | yes  | Audio MP3 - 160k
300040| mp3      | no   | yes  | Audio MP3 - 128k
300110| -        | no   | yes  | Audio FLAC - CD
300200| wav      | no   | yes  | Audio WAV 44100 Hz, 8 bit
300300| wav      | no   | yes  | Audio WAV 44100 Hz, 16 bit - CD Quality
400010| fmp4     | yes  | -    | Smooth 3M
400020| fmp4     | yes  | -    | Smooth 2M
400030| fmp4     | yes  | -    | Smooth 1.5M
400040| fmp4     | yes  | -    | Smooth 1M
400050| fmp4     | yes  | -    | Smooth 800k
400060| fmp4     | yes  | -    | Smooth 600k
400070| fmp4     | yes  | -    | Smooth 500k
400080| fmp4     | yes  | -    | Smooth 400k
500020| fmp4     | yes  | no   | MPEG-Dash Video - 4.8M
500030| fmp4     | yes  | no   | MPEG-Dash Video - 2.4M
500040| fmp4     | yes  | no   | MPEG-Dash Video - 1.2M
500050| fmp4     | yes  | no   | MPEG-Dash Video - 600k
500060| fmp4     | no   | yes  | MPEG-Dash Audio - 128k
"""

# ``kbps`` is the bit rate, ``max`` the peak bit rate, ``buffer`` is in kbit; ``rate`` is in frames
# per second, ``max_rate`` the highest if that is auto; ``gop`` is in frames, exactly if fixed.
VIDEO = """
id    | codec| profile | level| box      | kbps | max  | buffer| rate | max_rate| gop| fixed| refs
000001| H.264| baseline| 4    | 1920x1080| 5400 | -    | -     | 29.97| -       | 90 | false| 3
000010| H.264| baseline| 3.1  | 1280x720 | 2400 | -    | -     | 29.97| -       | 90 | false| 3
000020| H.264| baseline| 3.1  | 854x480  | 1200 | -    | -     | 29.97| -       | 90 | false| 3
000030| H.264| baseline| 3    | 640x480  | 900  | -    | -     | 29.97| -       | 90 | false| 3
000040| H.264| baseline| 3    | 640x360  | 720  | -    | -     | 29.97| -       | 90 | false| 3
000050| H.264| baseline| 3    | 480x360  | 600  | -    | -     | 29.97| -       | 90 | false| 3
000061| H.264| baseline| 1.3  | 320x240  | 300  | -    | -     | 15   | -       | 90 | false| 3
100020| H.264| high    | 4.1  | 1920x1080| 5000 | -    | -     | 30   | -       | 90 | false| 3
100040| H.264| baseline| 3    | 640x480  | 1500 | -    | -     | 30   | -       | 90 | false| 3
100050| H.264| main    | 3.1  | 1280x720 | 5000 | -    | -     | 30   | -       | 90 | false| 3
100060| H.264| high    | 4    | 1920x1080| 5000 | -    | -     | 30   | -       | 90 | false| 3
100070| H.264| main    | 3.1  | 1280x720 | 2200 | -    | -     | 30   | -       | 90 | false| 3
100080| H.264| main    | 4    | 1280x720 | 2200 | -    | -     | 30   | -       | 90 | false| 3
100090| H.264| main    | 4    | 1920x1080| 5400 | -    | -     | 30   | -       | 90 | false| 3
100150| H.264| main    | 4.1  | 1920x1080| 5000 | -    | -     | 30   | -       | 90 | false| 3
100160| mpeg2| -       | -    | 720x480  | 6500 | 6500 | 65000 | 29.97| -       | 15 | true | -
100170| mpeg2| -       | -    | 720x576  | 6500 | 6500 | 65000 | 25   | -       | 12 | true | -
100180| H.264| main    | 4.1  | 1920x1080| 10000| 10000| 100000| 29.97| -       | 15 | true | 3
100190| H.264| main    | 4.1  | 1920x1080| 10000| 10000| 100000| 25   | -       | 12 | true | 3
100200| gif  | -       | -    | autoxauto| 400  | -    | -     | 15   | -       | -  | -    | -
100210| H.264| main    | 3.1  | 1280x720 | 2200 | 2200 | 22000 | 30   | -       | 90 | false| 3
100220| mpeg2| -       | -    | 1920x1080| 50000| 50000| 100000| 29.97| -       | 15 | true | -
100230| mpeg2| -       | -    | 1920x1080| 50000| 50000| 100000| 25   | -       | 12 | true | -
100240| vp8  | 0       | -    | 1280x720 | 2400 | -    | -     | 29.97| -       | 90 | false| -
100250| vp9  | -       | -    | 1280x720 | 1200 | -    | -     | 30   | -       | 90 | false| -
100260| vp9  | -       | -    | 640x360  | 600  | -    | -     | 30   | -       | 90 | false| -
200010| H.264| main    | 3.1  | 1024x768 | 1872 | -    | -     | auto | -       | 90 | true | 3
200015| H.264| main    | 3.1  | 1024x768 | 1872 | 1872 | 16848 | auto | 60      | 90 | true | 3
200020| H.264| main    | 3.1  | 960x640  | 1372 | -    | -     | auto | -       | 90 | true | 3
200025| H.264| main    | 3.1  | 960x640  | 1372 | 1372 | 12348 | auto | 60      | 90 | true | 3
200030| H.264| main    | 3.1  | 640x432  | 872  | -    | -     | auto | -       | 90 | true | 3
200035| H.264| main    | 3    | 640x432  | 872  | 872  | 7848  | auto | 60      | 90 | true | 3
200040| H.264| baseline| 3    | 480x320  | 472  | -    | -     | auto | -       | 90 | true | 3
200045| H.264| baseline| 3    | 480x320  | 472  | 472  | 4248  | auto | 60      | 90 | true | 3
200050| H.264| baseline| 3    | 400x288  | 272  | -    | -     | auto | -       | 90 | true | 1
200055| H.264| baseline| 3    | 400x288  | 272  | 272  | 2448  | auto | 60      | 90 | true | 1
400010| H.264| high    | 3.1  | 1280x720 | 2962 | 2962 | 17772 | 30   | -       | 60 | true | 3
400020| H.264| high    | 3.1  | 992x560  | 2056 | 2056 | 12336 | 30   | -       | 60 | true | 3
400030| H.264| high    | 3    | 768x432  | 1427 | 1427 | 8562  | 30   | -       | 60 | true | 3
400040| H.264| high    | 2.1  | 592x332  | 991  | 991  | 5946  | 30   | -       | 60 | true | 3
400050| H.264| high    | 2.1  | 448x252  | 688  | 688  | 4128  | 30   | -       | 60 | true | 3
400060| H.264| high    | 1.3  | 368x208  | 477  | 477  | 2862  | 30   | -       | 60 | true | 3
400070| H.264| high    | 1.3  | 284x160  | 331  | 331  | 1986  | 30   | -       | 60 | true | 3
400080| H.264| high    | 1.3  | 224x128  | 230  | 230  | 1380  | 30   | -       | 60 | true | 3
500020| H.264| main    | 3.1  | 1280x720 | 4800 | 4800 | 9600  | 30   | -       | 60 | true | 3
500030| H.264| main    | 3.1  | 854x480  | 2400 | 2400 | 4800  | 30   | -       | 60 | true | 3
500040| H.264| main    | 3    | 640x360  | 1200 | 1200 | 2400  | 30   | -       | 60 | true | 3
500050| H.264| main    | 3    | 426x240  | 600  | 600  | 1200  | 30   | -       | 60 | true | 1
"""

FRAME = """
id    | interlaced | aspect| sizing      | padding
000001| Progressive| auto  | ShrinkToFit | NoPad
000010| Progressive| auto  | ShrinkToFit | NoPad
000020| Progressive| auto  | ShrinkToFit | NoPad
000030| Progressive| auto  | ShrinkToFit | NoPad
000040| Progressive| auto  | ShrinkToFit | NoPad
000050| Progressive| auto  | ShrinkToFit | NoPad
000061| Progressive| auto  | ShrinkToFit | NoPad
100020| Progressive| auto  | ShrinkToFit | NoPad
100040| Progressive| auto  | ShrinkToFit | NoPad
100050| Progressive| auto  | ShrinkToFit | NoPad
100060| Progressive| auto  | ShrinkToFit | NoPad
100070| Progressive| auto  | ShrinkToFit | NoPad
100080| Progressive| auto  | ShrinkToFit | NoPad
100090| Progressive| auto  | ShrinkToFit | NoPad
100150| Progressive| auto  | ShrinkToFit | NoPad
100160| TopFirst   | 16:9  | ShrinkToFill| Pad
100170| TopFirst   | 16:9  | ShrinkToFill| Pad
100180| TopFirst   | 16:9  | ShrinkToFill| Pad
100190| TopFirst   | 16:9  | ShrinkToFill| Pad
100200| -          | auto  | ShrinkToFit | NoPad
100210| TopFirst   | auto  | ShrinkToFit | NoPad
100220| TopFirst   | 16:9  | ShrinkToFill| Pad
100230| TopFirst   | 16:9  | ShrinkToFill| Pad
100240| -          | auto  | ShrinkToFit | NoPad
100250| -          | auto  | ShrinkToFit | NoPad
100260| -          | auto  | ShrinkToFit | NoPad
200010| Progressive| auto  | ShrinkToFit | NoPad
200015| Progressive| auto  | ShrinkToFit | NoPad
200020| Progressive| auto  | ShrinkToFit | NoPad
200025| Progressive| auto  | ShrinkToFit | NoPad
200030| Progressive| auto  | ShrinkToFit | NoPad
200035| Progressive| auto  | ShrinkToFit | NoPad
200040| Progressive| auto  | ShrinkToFit | NoPad
200045| Progressive| auto  | ShrinkToFit | NoPad
200050| Progressive| auto  | ShrinkToFit | NoPad
200055| Progressive| auto  | ShrinkToFit | NoPad
400010| Progressive| auto  | ShrinkToFit | NoPad
400020| Progressive| auto  | ShrinkToFit | NoPad
400030| Progressive| auto  | ShrinkToFit | NoPad
400040| Progressive| auto  | ShrinkToFit | NoPad
400050| Progressive| auto  | ShrinkToFit | NoPad
400060| Progressive| auto  | ShrinkToFit | NoPad
400070| Progressive| auto  | ShrinkToFit | NoPad
400080| Progressive| auto  | ShrinkToFit | NoPad
500020| Progressive| auto  | ShrinkToFit | NoPad
500030| Progressive| auto  | ShrinkToFit | NoPad
500040| Progressive| auto  | ShrinkToFit | NoPad
500050| Progressive| auto  | ShrinkToFit | NoPad
"""

AUDIO = """
id    | codec| profile| kbps| hz   | channels| bits
000001| AAC  | -      | 160 | 44100| 2       | -
000010| AAC  | AAC-LC | 160 | 44100| 2       | -
000020| AAC  | -      | 128 | 44100| 2       | -
100070| AAC  | AAC-LC | 160 | 44100| 2       | -
100110| AAC  | AAC-LC | 256 | 44100| 2       | -
100120| AAC  | AAC-LC | 160 | 44100| 2       | -
100130| AAC  | AAC-LC | 128 | 44100| 2       | -
100141| AAC  | auto   | 64  | 44100| 1       | -
200060| AAC  | AAC-LC | 160 | 44100| 2       | -
200071| AAC  | auto   | 64  | -    | -       | -
300010| mp3  | -      | 320 | -    | -       | -
300020| mp3  | -      | 192 | 44100| 2       | -
300030| mp3  | -      | 160 | -    | -       | -
300040| mp3  | -      | 128 | -    | -       | -
300110| flac | -      | -   | -    | -       | -
300200| pcm  | -      | -   | 44100| -       | 8
300300| pcm  | -      | -   | 44100| -       | 16
500060| AAC  | AAC-LC | 128 | 48000| 2       | -
"""

# ``interval`` is in seconds.
THUMBNAILS = """
id    | format| box    | interval| sizing     | padding
000010| png   | 192x108| 60      | ShrinkToFit| NoPad
100070| png   | 192x108| 60      | ShrinkToFit| NoPad
200015| png   | 192x108| 300     | ShrinkToFit| NoPad
200035| png   | 192x108| 300     | ShrinkToFit| NoPad
200045| png   | 192x108| 300     | ShrinkToFit| NoPad
500020| png   | 192x108| 300     | ShrinkToFit| NoPad
500030| png   | 192x108| 300     | ShrinkToFit| NoPad
500040| png   | 192x108| 300     | ShrinkToFit| NoPad
500050| png   | 192x108| 300     | ShrinkToFit| NoPad
"""

# The service refused new jobs with these presets, and named the ones to use instead.
RETIRED = """
id                  | instead             | name
1351620000001-000060| 1351620000001-000061| Generic 320x240 (AAC-LC)
1351620000001-100010| 1351620000001-100020| iPhone4
1351620000001-100030| 1351620000001-100020| iPhone3GS
1351620000001-100100| 1351620000001-100080| KindleFire
1351620000001-100140| 1351620000001-100141| Audio AAC - 64k (AAC-LC)
1351620000001-200070| 1351620000001-200071| HLS Audio, 64k (AAC-LC)
1351620000000-000001| 1351620000001-000001| Generic 1080p
1351620000000-000010| 1351620000001-000010| Generic 720p
1351620000000-000020| 1351620000001-000020| Generic 480p 16:9
1351620000000-000030| 1351620000001-000030| Generic 480p 4:3
1351620000000-000040| 1351620000001-000040| Generic 360p 16:9
1351620000000-000050| 1351620000001-000050| Generic 360p 4:3
1351620000000-000060| 1351620000001-000060| Generic 320x240
1351620000000-100010| 1351620000001-100020| iPhone4
1351620000000-100020| 1351620000001-100020| iPhone4S
1351620000000-100030| 1351620000001-100020| iPhone3GS
1351620000000-100040| 1351620000001-100040| iPod Touch
1351620000000-100050| 1351620000001-100050| Apple TV 2G
1351620000000-100060| 1351620000001-100060| Apple TV 3G
1351620000000-100070| 1351620000001-100070| Web
1351620000000-100080| 1351620000001-100080| Amazon Kindle Fire HD
1351620000000-100090| 1351620000001-100090| Amazon Kindle Fire HD 8.9
1351620000000-100100| 1351620000001-100080| Amazon Kindle Fire
"""
