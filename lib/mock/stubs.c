/* SPDX-License-Identifier: Apache-2.0 */
/* Groups, transactions and long polls are not there yet. */
#include "cluster.h"

void kw_mock_fetches_wake(struct kwire_mock *mock)
{
	(void)mock;
}

void kw_mock_groups_fini(struct kwire_mock *mock)
{
	(void)mock;
}

void kw_mock_transactions_fini(struct kwire_mock *mock)
{
	(void)mock;
}
