# Sourced by script/test and .ci/run: building, and counting what passed. The caller has `set -euo pipefail` and stands at the top.

passed=0 failed=0
python=/usr/bin/python3

# build FOLDER [meson options]: configure once, then bring up to date.
build() {
    local folder=$1
    shift
    [ -f "$folder/build.ninja" ] || meson setup "$folder" "$@"
    ninja -C "$folder"
}

# count_meson FOLDER [meson test options]: run the unit tests and add them up.
count_meson() {
    local folder=$1 output ok bad
    shift
    output=$(meson test -C "$folder" --no-rebuild --print-errorlogs "$@" 2>&1 </dev/null) || true
    ok=$(sed -n 's/^Ok: *\([0-9]*\).*/\1/p' <<<"$output")
    bad=$(sed -n -E 's/^(Fail|Timeout|Unexpected Pass): *([0-9]+).*/\2/p' <<<"$output" | awk '{ n += $1 } END { print n + 0 }')
    [ -n "$ok" ] || ok=0 bad=1
    [ "$bad" -eq 0 ] || printf '%s\n' "$output"
    echo "$folder: $ok passed, $bad failed"
    passed=$((passed + ok)) failed=$((failed + bad))
    [ "$bad" -eq 0 ]
}

# count_pytest BINARY [pytest options]: run test/ against that server and add it up.
count_pytest() {
    local binary=$1 report ok bad skipped status=0
    shift
    [ -n "$(find test -name 'test_*.py' 2>/dev/null)" ] || return 0
    report=$(mktemp)
    LOFT_BINARY=$(realpath -m "$binary") timeout --kill-after=20 "${PYTEST_SECONDS:-900}" "$python" -m pytest -q --junitxml="$report" "$@" test </dev/null || status=$?
    read -r ok bad skipped < <("$python" - "$report" <<'PY'
import sys, xml.etree.ElementTree as tree
try:
    suites = list(tree.parse(sys.argv[1]).getroot().iter("testsuite"))
except (tree.ParseError, OSError):
    suites = []
total, bad, skipped = (sum(int(s.get(k, 0)) for s in suites for k in keys)
                       for keys in (["tests"], ["failures", "errors"], ["skipped"]))
print(total - bad - skipped, bad, skipped)
PY
    )
    rm -f "$report"
    # 5: pytest found no test. Anything else that is not 0 failed, even when no test says so.
    [ "$status" -eq 0 ] || [ "$status" -eq 5 ] || [ "$bad" -gt 0 ] || bad=1
    echo "test: $ok passed, $bad failed, $skipped skipped"
    passed=$((passed + ok)) failed=$((failed + bad))
    [ "$bad" -eq 0 ]
}
