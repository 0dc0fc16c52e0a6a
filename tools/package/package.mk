# Installing, uninstalling, the source archive, Debian packages.
.PHONY: install install-runtime install-archives install-dev install-tools install-man uninstall dist deb
INSTALL    ?= install
BINDIR     ?= $(PREFIX)/bin
INCLUDEDIR ?= $(PREFIX)/include
MANDIR     ?= $(PREFIX)/share/man
# What a program that links the archives has to add.
PC_PRIVATE  = $(strip $(LIBS) $(if $(filter 1,$(SNAPPY)),-lstdc++) -pthread)

HEADERS     = $(sort $(wildcard include/kwire/*.h gen/include/kwire/*.h gen/include/kwire/*/*.h))
PROGRAMS    = $(if $(CLI_SRC),kwire) $(if $(MOCKD_SRC),kwire-mockd)
PCS         = kwire.pc kwire-json.pc kwire-mock.pc
CMAKES      = kwire-config.cmake kwire-config-version.cmake
REALNAME    = libkwire.so.$(VERSION)
PAGES       = $(notdir $(wildcard $(MAN)/man1/* $(MAN)/man3/*))
INSTALLED   = $(addprefix $(INCLUDEDIR)/,$(patsubst gen/include/%,%,$(HEADERS:include/%=%))) \
	$(addprefix $(LIBDIR)/,libkwire.a libkwire-json.a libkwire-mock.a libkwire.so $(SONAME) $(REALNAME)) \
	$(addprefix $(LIBDIR)/pkgconfig/,$(PCS)) $(addprefix $(LIBDIR)/cmake/kwire/,$(CMAKES)) \
	$(addprefix $(BINDIR)/,$(PROGRAMS)) \
	$(addprefix $(MANDIR)/man1/,$(filter %.1,$(PAGES))) $(addprefix $(MANDIR)/man3/,$(filter %.3,$(PAGES)))
# Directories that are kwire's own; the others go where they are empty and no system's.
OWN_DIRS    = $(INCLUDEDIR)/kwire/api $(INCLUDEDIR)/kwire $(LIBDIR)/cmake/kwire
EMPTY_DIRS  = $(if $(or $(DESTDIR),$(filter-out /usr /usr/local,$(PREFIX))),$(LIBDIR)/cmake \
	$(LIBDIR)/pkgconfig $(MANDIR)/man1 $(MANDIR)/man3 $(MANDIR) \
	$(PREFIX)/share $(LIBDIR) $(PREFIX)/lib $(INCLUDEDIR) $(BINDIR) $(PREFIX))

# fill TEMPLATES DIRECTORY: with what was installed where.
fill = for file in $(1); do sed -e 's|@PREFIX@|$(PREFIX)|g; s|@LIBDIR@|$(LIBDIR)|g; s|@INCLUDEDIR@|$(INCLUDEDIR)|g' \
	-e 's|@VERSION@|$(VERSION)|g; s|@SONAME@|$(SONAME)|g; s|@PRIVATE@|$(PC_PRIVATE)|g' \
	-e "s|@TO_INCLUDE@|$$(realpath -ms --relative-to=$(LIBDIR)/cmake/kwire $(INCLUDEDIR))|" \
	-e 's|@PRIVATE_LIST@|$(subst $() ,;,$(PC_PRIVATE))|' \
	tools/package/$$file.in >$(DESTDIR)$(2)/$$file || exit 1; done

install: install-runtime install-archives install-dev install-tools install-man ## into DESTDIR, below PREFIX; libraries into LIBDIR
install-runtime: libs
	$(INSTALL) -d $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 644 $(B)/libkwire.so $(DESTDIR)$(LIBDIR)/$(REALNAME)
	ln -sf $(REALNAME) $(DESTDIR)$(LIBDIR)/$(SONAME)
# The archives, and what says with which libraries they are to be linked.
install-archives: libs
	$(INSTALL) -d $(addprefix $(DESTDIR)$(LIBDIR)/,pkgconfig cmake/kwire)
	$(INSTALL) -m 644 $(ARCHIVES) $(DESTDIR)$(LIBDIR)
	$(call fill,$(PCS),$(LIBDIR)/pkgconfig)
	$(call fill,$(CMAKES),$(LIBDIR)/cmake/kwire)
install-dev:
	$(INSTALL) -d $(addprefix $(DESTDIR),$(LIBDIR) $(INCLUDEDIR)/kwire/api)
	for header in $(HEADERS); do \
		$(INSTALL) -m 644 $$header $(DESTDIR)$(INCLUDEDIR)/$${header#*include/} || exit 1; done
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libkwire.so
install-tools: tools
	$(if $(strip $(PROGRAMS)),$(INSTALL) -d $(DESTDIR)$(BINDIR) && $(INSTALL) $(addprefix $(B)/,$(PROGRAMS)) $(DESTDIR)$(BINDIR))
install-man: man
	$(INSTALL) -d $(addprefix $(DESTDIR)$(MANDIR)/,man1 man3)
	for page in $(MAN)/man?/*; do $(INSTALL) -m 644 $$page $(DESTDIR)$(MANDIR)/$${page#$(MAN)/} || exit 1; done

uninstall: man ## removes what install put there
	@rm -f $(addprefix $(DESTDIR),$(INSTALLED))
	@rmdir $(addprefix $(DESTDIR),$(OWN_DIRS) $(EMPTY_DIRS)) 2>/dev/null || true

dist: ## a source archive of the last commit
	@mkdir -p $(BUILD)
	git archive --prefix=kwire-$(VERSION)/ HEAD | gzip -9n >$(BUILD)/kwire-$(VERSION).tar.gz

# Packages of what is in the tree, built in build/deb.
DEB = build/deb
deb: ## Debian packages libkwire0, libkwire-dev and kwire-tools, in build/deb
	@tools/install-deps.sh build deb
	rm -rf $(DEB) && mkdir -p $(DEB)/kwire-$(VERSION)
	tar -cf - --exclude=./build --exclude=./.git . | tar -xf - -C $(DEB)/kwire-$(VERSION)
	tar -czf $(DEB)/kwire_$(VERSION).orig.tar.gz -C $(DEB) kwire-$(VERSION)
	cp -r tools/package/debian $(DEB)/kwire-$(VERSION)/debian
	sed -i 's|@VERSION@|$(VERSION)|' $(DEB)/kwire-$(VERSION)/debian/changelog
	cd $(DEB)/kwire-$(VERSION) && env -u MAKEFLAGS -u MAKEOVERRIDES dpkg-buildpackage -us -uc
	@ls $(DEB)/*.deb
