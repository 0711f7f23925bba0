/* Go needs ProcessPrng of bcryptprimitives.dll, which Wine has only since version 9. */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID, ULONG); /* RtlGenRandom */

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T left) {
	while (left > 0) {
		ULONG n = left > 65536 ? 65536 : (ULONG)left;
		if (!SystemFunction036(data, n))
			return FALSE;
		data += n;
		left -= n;
	}
	return TRUE;
}
