"""Words every floor uses: errors, time, identifiers, callers, rights and pages. Pure, no I/O."""
