package store

// The index of addresses has them up to the @, as migration 0020 says: most of a tenant
// have the same domain. These conditions on rows of user_version find them by that index
// and then compare the whole address, whatever the case.
const (
	indexedUPN = "substr(upn, 1, instr(upn || '@', '@')) COLLATE NOCASE"

	upnIs     = indexedUPN + " = substr(?1, 1, instr(?1 || '@', '@')) AND upn = ?1 COLLATE NOCASE"
	upnIsRef  = indexedUPN + " = substr((r.value ->> 2), 1, instr((r.value ->> 2) || '@', '@')) AND upn = (r.value ->> 2) COLLATE NOCASE"
	upnFrom1  = indexedUPN + " BETWEEN substr(?1, 1, instr(?1 || '@', '@')) AND substr(?2, 1, instr(?2 || '@', '@')) AND upn >= ?1 COLLATE NOCASE AND upn < ?2 COLLATE NOCASE"
	upnFrom3  = indexedUPN + " BETWEEN substr(?3, 1, instr(?3 || '@', '@')) AND substr(?4, 1, instr(?4 || '@', '@')) AND upn >= ?3 COLLATE NOCASE AND upn < ?4 COLLATE NOCASE"
	byAddress = indexedUPN + ", upn COLLATE NOCASE" // the order of whole addresses: an indexed part that ends with the @ begins no other
)
