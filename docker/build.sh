#!/bin/sh
# Builds the CPU image with the first builder that works on this machine: docker/build.sh [TAG]
set -eu
cd "$(dirname "$0")/.."
stopped=""
for builder in docker podman buildah nerdctl; do
    command -v "$builder" > /dev/null 2>&1 || continue
    if "$builder" info > /dev/null 2>&1; then
        exec "$builder" build --file docker/Dockerfile --tag "${1:-reseen}" .
    fi
    stopped="$stopped $builder"
done
if [ -n "$stopped" ]; then
    echo "no builder of images works here:$stopped cannot reach its service; start it, such as by" \
        "'systemctl start docker'" >&2
else
    echo "no builder of images here: install docker, podman, buildah or nerdctl; the steps of docker/Dockerfile are" \
        "those of the README and work without one" >&2
fi
exit 2
