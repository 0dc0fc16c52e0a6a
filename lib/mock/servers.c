/* SPDX-License-Identifier: Apache-2.0 */
/* How each API is read and written on the server's side, by key. */
#include "exchange.h"

const struct kwire_server_api *kw_mock_server(int16_t api_key)
{
	int low = 0;
	int high = kwire_all_servers_count;

	while (low < high) {
		int middle = low + (high - low) / 2;

		if (kwire_all_servers[middle]->api->key < api_key)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == kwire_all_servers_count || kwire_all_servers[low]->api->key != api_key)
		return NULL;
	return kwire_all_servers[low];
}
