# Postern's whole build. No lists of files: the tree says what there is.
#
#   a folder with a main.c      is a program      authd/main.c      -> build/authd
#   one below it                joins the names   noded/root/main.c -> build/noded-root
#   other folders below it      are its rooms     authd/people/*.c  in build/authd
#   a folder with a helper.c    is a static program against musl, of that one folder only
#   libcommon/*/*.c, proto/     make build/libcommon.a, which every program links
#   tests/unit/test_X.c         is a cmocka program; tests/unit/<daemon>/test_X.c links that
#                               daemon's objects too; what several need is in tests/unit beside them
#   tests/fuzz/fuzz_X.c         is a fuzz target; its corpus is tests/fuzz/corpus/X; one that is
#                               called fuzz_<daemon>_X.c links that daemon's objects too
#   tests/integration/X.sh      is a story with the real binaries; tests/kube/X.sh with a Kubernetes too
#   tests/bench/bench_X.*       is a benchmark; a folder with a main.c there is a program for them

BUILD   ?= build
ifeq ($(origin CC),default)
CC      := gcc
endif
MUSL_CC ?= musl-gcc
VERSION ?= 0.1.0
PREFIX  ?= /usr
DESTDIR ?=

PKGS := libuv libnghttp2 libsodium libpcre2-8 yaml-0.1 jansson libqrencode zlib
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
        -Wpointer-arith -Wwrite-strings -Wvla -Wformat=2 -Wundef -Wno-missing-field-initializers
OPT  ?= -O2 -g
CFLAGS  = -std=gnu11 $(OPT) $(WARN) -fstack-protector-strong -D_GNU_SOURCE $(FORTIFY) \
          -ffunction-sections -fdata-sections -fPIE $(SAN) $(shell pkg-config --cflags $(PKGS))
FORTIFY = -D_FORTIFY_SOURCE=2
CPPFLAGS = -I. -Ilibcommon -I$(BUILD)/gen -I$(BUILD)/gen/proto -DPOSTERN_VERSION='"$(VERSION)"' -MMD -MP
LDFLAGS = -pie -Wl,--as-needed -Wl,--gc-sections -Wl,-z,relro,-z,now $(SAN)
# mbedTLS calls back into crypto/gcm_wrap: hence libcommon.a once more behind it.
GCM_WRAP = $(foreach f,setkey crypt_and_tag auth_decrypt free,-Wl,--wrap=mbedtls_gcm_$(f))
LDLIBS  = $(shell pkg-config --libs $(PKGS)) -lhttp_parser -llmdb -lpam \
          -Wl,-Bstatic -lmbedtls -lmbedx509 -lmbedcrypto $(BUILD)/libcommon.a -lprotobuf-nanopb \
          -Wl,-Bdynamic

# make V=1 shows whole commands
Q   := $(if $(V),,@)
say := @$(if $(V),true,printf '  %-4s%s\n')

# --- what there is -----------------------------------------------------------------------------

PROTO    := $(sort $(wildcard proto/*.proto))
SERVICES := $(shell grep -l '^service' $(PROTO))
GEN_C    := $(PROTO:%.proto=$(BUILD)/gen/%.pb.c) $(PROTO:%.proto=$(BUILD)/gen/%.fields.c) \
            $(SERVICES:%.proto=$(BUILD)/gen/%.service.c)
GEN_H    := $(GEN_C:.c=.h)
LIB_C    := $(sort $(wildcard libcommon/*/*.c))
LIB_O    := $(LIB_C:%.c=$(BUILD)/obj/%.o) $(GEN_C:$(BUILD)/gen/%.c=$(BUILD)/obj/gen/%.o)

MAINS    := $(sort $(wildcard */main.c */*/main.c))
HELPERS  := $(sort $(wildcard */*/helper.c))
dash      = $(subst /,-,$(1))
PROGRAMS := $(foreach m,$(MAINS),$(BUILD)/$(call dash,$(patsubst %/main.c,%,$(m))))
STATICS  := $(foreach h,$(HELPERS),$(BUILD)/$(call dash,$(patsubst %/helper.c,%,$(h))))

UNIT     := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,\
              $(sort $(wildcard tests/unit/test_*.c tests/unit/*/test_*.c)))
REPLAY   := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/replay_%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
BENCHES  := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(sort $(wildcard tests/bench/bench_*.c)))
BENCHED  := $(patsubst tests/bench/%/main.c,%,$(sort $(wildcard tests/bench/*/main.c)))
BENCH_PB := $(sort $(wildcard tests/bench/*/*.proto))
BENCH_H  := $(foreach p,$(notdir $(BENCH_PB:.proto=)),$(BUILD)/gen/proto/$(p).pb.h $(BUILD)/gen/proto/$(p).fields.h)
STORIES  := $(sort $(filter-out tests/integration/systemd%,$(wildcard tests/integration/*.sh)))

.PHONY: all check built-check check-unit check-fuzz check-stories check-systemd check-kube asan coverage fuzz bench \
        lint format demo install clean
.SECONDARY:
.DELETE_ON_ERROR:

all: $(PROGRAMS) $(STATICS)

# --- protobuf: nanopb's C, our field tables and services ------------------------------------------

PROTOC = protoc -Iproto -I/usr/include

$(BUILD)/gen/proto/%.pb.c: proto/%.proto $(PROTO)
	@mkdir -p $(@D)
	@$(PROTOC) --nanopb_opt="-I proto -s fallback_type:FT_POINTER -s mangle_names:M_PACKAGE_INITIALS" \
	  --nanopb_out=$(@D) $<

$(BUILD)/gen/proto/%.fields.c: proto/%.proto $(PROTO) tools/protoc-gen-fields tools/proto_names.py
	@mkdir -p $(@D)
	@$(PROTOC) --plugin=tools/protoc-gen-fields --fields_out=$(@D) $<

$(BUILD)/gen/proto/%.service.c: proto/%.proto $(PROTO) tools/protoc-gen-service tools/proto_names.py
	@mkdir -p $(@D)
	@$(PROTOC) --plugin=tools/protoc-gen-service --service_out=$(@D) $<

# Messages of the benchmarks' peers: made like ours, linked by nobody else.
$(BENCH_H:.h=.c) &: $(BENCH_PB) tools/protoc-gen-fields tools/proto_names.py
	@mkdir -p $(@D)
	@for proto in $(BENCH_PB); do \
	  $(PROTOC) -I$$(dirname $$proto) --nanopb_opt="-s fallback_type:FT_POINTER -s mangle_names:M_PACKAGE_INITIALS" \
	    --nanopb_out=$(BUILD)/gen/proto --plugin=tools/protoc-gen-fields \
	    --fields_out=$(BUILD)/gen/proto $$proto || exit 1; \
	done

$(BUILD)/gen/%.h: $(BUILD)/gen/%.c ;

# --- objects, the library, programs ------------------------------------------------------------

$(BUILD)/obj/gen/%.o: $(BUILD)/gen/%.c | $(GEN_H)
	@mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/obj/%.o: %.c | $(GEN_H)
	@mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/libcommon.a: $(LIB_O)
	@rm -f $@
	$(Q)ar rcs $@ $^

# Of a program's folder and of the folders below it that are no programs themselves.
rooms_of   = $(filter-out $(dir $(MAINS) $(HELPERS)),$(dir $(wildcard $(1)/*/*.c)))
objects_of = $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard $(1)/*.c $(addsuffix *.c,$(call rooms_of,$(1))))))

define program
$(BUILD)/$(call dash,$(1)): $(call objects_of,$(1)) $(BUILD)/libcommon.a
	$$(say) LD $$@
	$$(Q)$$(CC) $$(LDFLAGS) $$(GCM_WRAP) -o $$@ $$^ $$(LDLIBS)
endef
$(foreach m,$(MAINS),$(eval $(call program,$(patsubst %/main.c,%,$(m)))))

define static_helper
$(BUILD)/$(call dash,$(1)): $(sort $(wildcard $(1)/*.c $(1)/*.h libcommon/ipc/*.h))
	@mkdir -p $$(@D)
	$$(say) LD $$@
	$$(Q)$$(MUSL_CC) -std=gnu11 -Os $$(WARN) -D_GNU_SOURCE -static -I. -Ilibcommon -o $$@ $$(filter %.c,$$^)
	@strip $$@
endef
$(foreach h,$(HELPERS),$(eval $(call static_helper,$(patsubst %/helper.c,%,$(h)))))

# --- tests ---------------------------------------------------------------------------------------

# T=dial picks tests whose name holds "dial"; F='cancel*' picks cases within them.
T ?=
F ?=
picked = $(if $(T),$(foreach t,$(1),$(if $(findstring $(T),$(notdir $(t))),$(t))),$(1))

# What several tests share.
$(BUILD)/tests/shared.a: $(patsubst %.c,$(BUILD)/obj/%.o,\
  $(filter-out tests/unit/test_%,$(sort $(wildcard tests/unit/*.c))))
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)ar rcs $@ $^

define unit_test
$(BUILD)/tests/$(1): $(BUILD)/obj/tests/unit/$(1).o $(2) $(BUILD)/tests/shared.a $(BUILD)/libcommon.a
	@mkdir -p $$(@D)
	$$(say) LD $$@
	$$(Q)$$(CC) $$(LDFLAGS) $$(GCM_WRAP) -o $$@ $$^ $$(LDLIBS) -lcmocka
endef
without_main = $(filter-out %/main.o,$(call objects_of,$(1)))
# tests/unit/noded-root/test_x.c tests the folder noded/root
folder_of = $(subst -,/,$(1))
$(foreach t,$(wildcard tests/unit/test_*.c),\
  $(eval $(call unit_test,$(t:tests/unit/%.c=%))))
$(foreach t,$(wildcard tests/unit/*/test_*.c),\
  $(eval $(call unit_test,$(t:tests/unit/%.c=%),\
    $(call without_main,$(call folder_of,$(notdir $(patsubst %/,%,$(dir $(t)))))))))

# Stands between the code and its allocator.
$(BUILD)/tests/test_no_memory $(BUILD)/tests/test_no_memory_model: LDFLAGS += \
  $(foreach f,malloc calloc realloc reallocarray strdup strndup,-Wl,--wrap=$(f))

$(BUILD)/fuzz/replay_%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/obj/tests/fuzz/replay.o $(BUILD)/libcommon.a
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS) $(GCM_WRAP) -o $@ $^ $(LDLIBS)

define fuzz_program
$(BUILD)/fuzz/replay_fuzz_$(1)_%: $(BUILD)/obj/tests/fuzz/fuzz_$(1)_%.o \
  $(BUILD)/obj/tests/fuzz/replay.o $(call without_main,$(1)) $(BUILD)/libcommon.a
	@mkdir -p $$(@D)
	$$(say) LD $$@
	$$(Q)$$(CC) $$(LDFLAGS) $$(GCM_WRAP) -o $$@ $$^ $$(LDLIBS)
endef
$(foreach m,$(wildcard */main.c),$(eval $(call fuzz_program,$(m:/main.c=))))

# Sub-makes, for the tree is read (pkg-config and all) only once Debian's packages are there. Who
# says no -j gets all cores.
SUBMAKE = $(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))
CHECKS := unit fuzz stories
check:
	@tools/install-deps npm
	+@$(SUBMAKE) built-check

# Everything is built before anything runs: no test waits for a compiler.
built-check: $(if $(findstring stories,$(CHECKS)),all) $(call picked,$(UNIT)) $(call picked,$(REPLAY))
	@failed=; for kind in $(CHECKS); do \
	  $(MAKE) --no-print-directory check-$$kind || failed="$$failed $$kind"; \
	done; [ -z "$$failed" ] || { echo "failed:$$failed"; exit 1; }

check-unit: $(call picked,$(UNIT))
	@BUILD=$(BUILD) tools/run-tests unit "$(F)" $^

check-fuzz: $(call picked,$(REPLAY))
	@BUILD=$(BUILD) tools/run-tests fuzz "" $^

check-stories: all
	@BUILD=$(abspath $(BUILD)) tools/run-tests story "$(F)" $(call picked,$(STORIES))

check-systemd: all
	@BUILD=$(abspath $(BUILD)) tests/integration/systemd.sh

# With a real Kubernetes: POSTERN_KUBE_LAB, or ../shared/kube-lab beside the checkout.
check-kube: all
	@tools/install-deps kube
	@BUILD=$(abspath $(BUILD)) F='$(subst *,,$(F))' tests/kube/kube.sh

asan:
	+@$(SUBMAKE) BUILD=$(BUILD)/asan OPT="-O1 -g" FORTIFY= \
	  SAN="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer" \
	  CHECKS="unit fuzz $(if $(STORIES_TOO),stories)" built-check

# Lines that unit tests and corpora run, per folder; V=1 tells which do not. T= picks tests.
coverage:
	@[ ! -d $(BUILD)/coverage ] || find $(BUILD)/coverage -name '*.gcda' -delete
	+@$(SUBMAKE) BUILD=$(BUILD)/coverage OPT="-O0 -g" FORTIFY= SAN=--coverage CHECKS="unit fuzz" built-check
	@tools/coverage $(BUILD)/coverage $(if $(V),-v)

# Coverage-guided, with clang: make fuzz T=http1 S=60
S ?= 60
fuzz:
	@tools/fuzz "$(T)" "$(S)" "$(BUILD)"

$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(BUILD)/libcommon.a
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS) $(GCM_WRAP) -o $@ $^ $(LDLIBS)

# What else a benchmark's program is made of.
with_agents = $(call without_main,tunneld) \
  $(patsubst %,$(BUILD)/obj/tests/bench/simulator/%.o,console identity samples)

define bench_program
$(call objects_of,tests/bench/$(1)): | $(BENCH_H)
$(BUILD)/bench/$(1): $(call objects_of,tests/bench/$(1)) $(with_$(1)) \
  $(patsubst $(BUILD)/gen/%.h,$(BUILD)/obj/gen/%.o,$(BENCH_H)) $(BUILD)/libcommon.a
	@mkdir -p $$(@D)
	$$(say) LD $$@
	$$(Q)$$(CC) $$(LDFLAGS) $$(GCM_WRAP) -o $$@ $$^ $$(LDLIBS)
endef
$(foreach p,$(BENCHED),$(eval $(call bench_program,$(p))))

bench: all $(BENCHES) $(BENCHED:%=$(BUILD)/bench/%)
	@tools/install-deps bench
	@BUILD=$(abspath $(BUILD)) tools/bench "$(T)"

lint:
	@tools/install-deps lint
	@tools/layers
	@tools/lint

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

demo:
	@tools/install-deps
	+@$(SUBMAKE) all
	@BUILD=$(abspath $(BUILD)) tests/integration/demo

install: all
	@tools/install-files "$(BUILD)" "$(DESTDIR)" "$(PREFIX)"

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

# What fuzz_<daemon>_X.c links: P=<daemon>
.PHONY: print-objects
print-objects:
	@echo $(call without_main,$(P))

.PHONY: print-ldlibs
print-ldlibs:
	@echo '$(GCM_WRAP) $(LDLIBS)'
