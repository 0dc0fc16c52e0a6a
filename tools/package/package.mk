# Installing, uninstalling, the source archive.
.PHONY: install uninstall dist
INSTALL    ?= install
BINDIR     ?= $(PREFIX)/bin
INCLUDEDIR  = $(PREFIX)/include
# What a program that links the archives has to add.
PC_PRIVATE  = $(LIBS) $(if $(filter 1,$(SNAPPY)),-lstdc++) -pthread

HEADERS     = $(sort $(wildcard include/kwire/*.h gen/include/kwire/*.h gen/include/kwire/*/*.h))
PROGRAMS    = $(if $(CLI_SRC),kwire) $(if $(MOCKD_SRC),kwire-mockd)
PCS         = kwire.pc kwire-json.pc kwire-mock.pc
REALNAME    = libkwire.so.$(VERSION)
INSTALLED   = $(addprefix $(INCLUDEDIR)/,$(patsubst gen/include/%,%,$(HEADERS:include/%=%))) \
	$(addprefix $(LIBDIR)/,libkwire.a libkwire-json.a libkwire-mock.a libkwire.so $(SONAME) $(REALNAME)) \
	$(addprefix $(LIBDIR)/pkgconfig/,$(PCS)) $(addprefix $(BINDIR)/,$(PROGRAMS))

install: all ## into DESTDIR, below PREFIX; libraries into LIBDIR
	$(INSTALL) -d $(addprefix $(DESTDIR),$(LIBDIR)/pkgconfig $(BINDIR) $(INCLUDEDIR)/kwire/api)
	for header in $(HEADERS); do \
		$(INSTALL) -m 644 $$header $(DESTDIR)$(INCLUDEDIR)/$${header#*include/} || exit 1; done
	$(INSTALL) -m 644 $(ARCHIVES) $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 644 $(B)/libkwire.so $(DESTDIR)$(LIBDIR)/$(REALNAME)
	ln -sf $(REALNAME) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libkwire.so
	for pc in $(PCS); do sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|' \
		-e 's|@PRIVATE@|$(strip $(PC_PRIVATE))|' tools/package/$$pc.in \
		>$(DESTDIR)$(LIBDIR)/pkgconfig/$$pc || exit 1; done
	$(if $(strip $(PROGRAMS)),$(INSTALL) $(addprefix $(B)/,$(PROGRAMS)) $(DESTDIR)$(BINDIR))

uninstall: ## removes what install put there
	rm -f $(addprefix $(DESTDIR),$(INSTALLED))
	rmdir $(addprefix $(DESTDIR)$(INCLUDEDIR)/,kwire/api kwire) 2>/dev/null || true

dist: ## a source archive of the last commit
	@mkdir -p $(BUILD)
	git archive --prefix=kwire-$(VERSION)/ HEAD | gzip -9n >$(BUILD)/kwire-$(VERSION).tar.gz
