# The helper for gdb, installed beside the library: `source` it.
DATADIR ?= $(PREFIX)/share/kwire
.PHONY: install-gdb uninstall-gdb
install: install-gdb
uninstall: uninstall-gdb
install-gdb:
	$(INSTALL) -d $(DESTDIR)$(DATADIR)
	$(INSTALL) -m 644 tools/gdb/kwire-gdb.py $(DESTDIR)$(DATADIR)
uninstall-gdb:
	rm -f $(DESTDIR)$(DATADIR)/kwire-gdb.py
	rmdir -p $(DESTDIR)$(DATADIR) 2>/dev/null || true
