"""Build the site, and open it on this computer if that is asked for: `make site`, `SERVE=1`.

python -m authoring.site                     build/site/
python -m authoring.site --without-weights   quicker: without the 98 MB of the model, Python and
                                             the editor
python -m authoring.site --serve             and open it in a browser
"""

import argparse
import os
import sys

from authoring.site import build, serve
from exercises.format.notebooks import SourceError


def main(argv: list[str] | None = None) -> int:
    """Build the site; exit status 1, and one sentence, if it could not be built or served."""
    parser = argparse.ArgumentParser("python -m authoring.site", description=build.__doc__)
    parser.add_argument("--repository", default=os.environ.get("GITHUB_REPOSITORY", ""))
    parser.add_argument(
        "--without-weights", action="store_true", help="leave the model, Python and the editor out"
    )
    parser.add_argument("--serve", action="store_true", help="open the pages on this computer")
    port = os.environ.get("PORT") or "8000"
    parser.add_argument("--port", type=int, default=port, help="another port than 8000")
    arguments = parser.parse_args(argv)
    try:
        print("Building the pages …", flush=True)
        pages = build.build(build.FOLDER, arguments.repository, not arguments.without_weights)
        print(f"{len(pages)} pages in {build.FOLDER}.")
        if arguments.serve:
            serve.serve(build.FOLDER, arguments.port)
        else:
            print("make site SERVE=1 opens them.")
    except (SourceError, FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
