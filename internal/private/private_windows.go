package private

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// everything is FILE_ALL_ACCESS.
const everything = windows.STANDARD_RIGHTS_REQUIRED | windows.SYNCHRONIZE | 0x1ff

// uses are the rights of which each lets somebody read a file, change it, or
// change who may.
const uses = windows.FILE_READ_DATA | windows.FILE_WRITE_DATA | windows.FILE_APPEND_DATA | windows.DELETE | windows.WRITE_DAC | windows.WRITE_OWNER |
	windows.GENERIC_READ | windows.GENERIC_WRITE | windows.GENERIC_ALL

// Restrict gives a file a list of its own, which lets this user, the system and
// administrators do everything, and nobody else anything. It inherits nothing; a
// folder hands it on to what is made in it.
func Restrict(path string) error { return grant(path, nil) }

// grant lets the insiders do everything, and somebody else, if named, read.
func grant(path string, reader *windows.SID) error {
	own, err := insiders()
	if err != nil {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	inherit := uint32(windows.NO_INHERITANCE)
	if info.IsDir() {
		inherit = windows.SUB_CONTAINERS_AND_OBJECTS_INHERIT
	}
	entries := make([]windows.EXPLICIT_ACCESS, len(own))
	for i, sid := range own {
		entries[i] = windows.EXPLICIT_ACCESS{
			AccessPermissions: everything, AccessMode: windows.SET_ACCESS, Inheritance: inherit,
			Trustee: windows.TRUSTEE{TrusteeForm: windows.TRUSTEE_IS_SID, TrusteeValue: windows.TrusteeValueFromSID(sid)},
		}
	}
	if reader != nil {
		entries = append(entries, windows.EXPLICIT_ACCESS{
			AccessPermissions: windows.FILE_GENERIC_READ, AccessMode: windows.SET_ACCESS, Inheritance: inherit,
			Trustee: windows.TRUSTEE{TrusteeForm: windows.TRUSTEE_IS_SID, TrusteeValue: windows.TrusteeValueFromSID(reader)},
		})
	}
	list, err := windows.ACLFromEntries(entries, nil)
	if err != nil {
		return fmt.Errorf("make an access control list: %w", err)
	}
	sd, err := windows.NewSecurityDescriptor()
	if err == nil {
		err = sd.SetDACL(list, true, false)
	}
	if err == nil {
		err = sd.SetControl(windows.SE_DACL_PROTECTED, windows.SE_DACL_PROTECTED)
	}
	if err == nil {
		err = setSecurity(path, sd)
	}
	if err != nil {
		return fmt.Errorf("restrict %s to its owner: %w", path, err)
	}
	return nil
}

// setSecurity works on the open file. By name, Wine mixes in what the folder lets
// everybody do, although the list is protected.
func setSecurity(path string, sd *windows.SECURITY_DESCRIPTOR) error {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return err
	}
	h, err := windows.CreateFile(name, windows.WRITE_DAC|windows.READ_CONTROL, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE,
		nil, windows.OPEN_EXISTING, windows.FILE_FLAG_OPEN_REPARSE_POINT|windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(h)
	return windows.SetKernelObjectSecurity(h, windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, sd)
}

// OpenTo says who else may read or write a file; "" where nobody may but its
// owner, this user, the system and administrators.
func OpenTo(path string) (string, error) {
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return "", fmt.Errorf("read the access control list of %s: %w", path, err)
	}
	own, err := insiders()
	if err != nil {
		return "", err
	}
	if owner, _, err := sd.Owner(); err == nil && owner != nil {
		own = append(own, owner)
	}
	list, _, err := sd.DACL()
	switch {
	case err != nil && !errors.Is(err, windows.ERROR_OBJECT_NOT_FOUND):
		return "", fmt.Errorf("read the access control list of %s: %w", path, err)
	case list == nil: // none lets everybody do everything
		return "everybody", nil
	}
	return outsider(list, own)
}

// outsider is the first who is none of the insiders and has a use of the file.
func outsider(list *windows.ACL, own []*windows.SID) (string, error) {
	for i := range uint32(list.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(list, i, &ace); err != nil {
			return "", fmt.Errorf("read an access control list: %w", err)
		}
		if ace.Header.AceType != windows.ACCESS_ALLOWED_ACE_TYPE || ace.Header.AceFlags&windows.INHERIT_ONLY_ACE != 0 || ace.Mask&uses == 0 {
			continue
		}
		if who := (*windows.SID)(unsafe.Pointer(&ace.SidStart)); !among(who, own) {
			return accountName(who), nil
		}
	}
	return "", nil
}

// insiders are this user, the system, the administrators, and the entry that
// stands for whoever owns the file.
func insiders() ([]*windows.SID, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, fmt.Errorf("find out who you are: %w", err)
	}
	own := []*windows.SID{user.User.Sid}
	for _, kind := range []windows.WELL_KNOWN_SID_TYPE{windows.WinLocalSystemSid, windows.WinBuiltinAdministratorsSid, windows.WinCreatorOwnerRightsSid} {
		sid, err := windows.CreateWellKnownSid(kind)
		if err != nil {
			return nil, fmt.Errorf("find out who the administrators are: %w", err)
		}
		own = append(own, sid)
	}
	return own, nil
}

func among(sid *windows.SID, list []*windows.SID) bool {
	for _, s := range list {
		if sid.Equals(s) {
			return true
		}
	}
	return false
}

func accountName(sid *windows.SID) string {
	name, domain, _, err := sid.LookupAccount("")
	switch {
	case err != nil || name == "":
		return sid.String()
	case domain == "":
		return name
	}
	return domain + `\` + name
}

// Command is what a person may type to make a file its owner's alone.
func Command(path string) string {
	return fmt.Sprintf(`icacls "%s" /inheritance:r /grant:r "%%USERNAME%%:F" "*S-1-5-18:F" "*S-1-5-32-544:F"`, path)
}

// Share lets every user of the machine read a file that [Restrict] has restricted.
func Share(path string) error {
	all, err := windows.CreateWellKnownSid(windows.WinBuiltinUsersSid)
	if err != nil {
		return err
	}
	return grant(path, all)
}
