# Install a release of the package, with nothing but pip: sh pip.sh FOLDER RELEASE
mkdir -p "$1/tmp"
TMPDIR="$1/tmp" python3 -m pip install --quiet --no-index --no-deps --no-compile --upgrade \
  --root-user-action ignore --disable-pip-version-check --target "$1/site" "$1/wheels/tiny-$2-py3-none-any.whl"
