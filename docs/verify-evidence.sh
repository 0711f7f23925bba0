#!/bin/sh
# Checks a file that lictrail audit search --raw --format jsonl has written, without
# lictrail: it needs sha256sum and jq only.
#
#   sh verify-evidence.sh evidence.jsonl [BUNDLE]
#
# BUNDLE is the hash that was kept elsewhere when the file was made. Without it the
# file is shown to be in itself as it was written; whoever writes another, with
# hashes of its own, is found out only with it.
set -eu
file=$1
kept=${2:-}
fail() { echo "NOT GOOD: $1" >&2; exit 1; }
hash() { sha256sum | cut -d' ' -f1; }

last=$(tail -n 1 "$file")
field() { printf '%s' "$last" | jq -er ".$1"; }
records=$(field records) && tenant=$(field tenant) && version=$(field version) &&
  head=$(field head) && sha256=$(field sha256) && bundle=$(field bundle) || fail 'the last line is not that of an export'

# The last line has nothing else in it.
expected=$(printf '{"records":%s,"tenant":"%s","version":"%s","head":"%s","sha256":"%s","bundle":"%s"}' \
  "$records" "$tenant" "$version" "$head" "$sha256" "$bundle")
[ "$last" = "$expected" ] || fail 'the last line has been altered'
[ "$(printf 'lictrail evidence 1\n%s\n%s\n%s\n%s\n%s\n' "$records" "$tenant" "$version" "$head" "$sha256" | hash)" = "$bundle" ] ||
  fail 'the last line has been altered'
[ "$(head -n -1 "$file" | hash)" = "$sha256" ] || fail 'a line has been altered, added, moved or taken away'
[ "$(head -n -1 "$file" | wc -l)" -eq "$records" ] || fail 'the number of lines is not that of the records'
[ "$(tail -c 1 "$file" | od -An -c | tr -d ' ')" = '\n' ] || fail 'the file has been cut off'
[ -z "$kept" ] || [ "$kept" = "$bundle" ] || fail 'it is not the file that was kept'

# Each record is the one whose hash stands beside it; the raw text may be left out.
head -n -1 "$file" | jq -r 'select(.raw != null) | "\(.sha256) \(.raw | @base64)"' | while read -r sum raw; do
  [ "$(printf '%s' "$raw" | base64 -d | hash)" = "$sum" ] || fail "the record with the hash $sum has been altered"
done
echo "good: $records records of tenant $tenant, from a history with the head $head"
