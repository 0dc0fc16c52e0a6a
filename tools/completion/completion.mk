# Completion for bash, installed where bash-completion looks for it.
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions
COMPLETIONS    = $(addprefix $(DESTDIR)$(COMPLETIONDIR)/,$(PROGRAMS))
.PHONY: install-completion uninstall-completion
install: install-completion
uninstall: uninstall-completion
install-completion: all
	$(INSTALL) -d $(DESTDIR)$(COMPLETIONDIR)
	for file in $(COMPLETIONS); do $(INSTALL) -m 644 tools/completion/kwire.bash $$file || exit 1; done
uninstall-completion:
	rm -f $(COMPLETIONS)
	rmdir -p $(DESTDIR)$(COMPLETIONDIR) 2>/dev/null || true
