# Commit one value in the repository at $1: sh git.sh FOLDER VALUE
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
export GIT_AUTHOR_DATE='2000-01-01T00:00:00Z' GIT_COMMITTER_DATE='2000-01-01T00:00:00Z'
cd "$1" && echo "$2" > f && git add f && git commit -q -m "$2"
