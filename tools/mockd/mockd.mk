# SPDX-License-Identifier: Apache-2.0
# Foreign clients against kwire-mockd, and the program of docs/mock.md.
CHECKS += $(B)/examples/mock_service tests/interop/mock/kcat
