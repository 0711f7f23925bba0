package input

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

func openFile(path string) (*os.File, error) { return os.Open(path) }

// Rights of which each lets somebody change what a file says, or who may.
const (
	writeRights = windows.FILE_WRITE_DATA | windows.FILE_APPEND_DATA | windows.DELETE | windows.WRITE_DAC | windows.WRITE_OWNER |
		windows.GENERIC_WRITE | windows.GENERIC_ALL
	readRights = windows.FILE_READ_DATA | windows.GENERIC_READ | windows.GENERIC_ALL
)

// guard refuses a file that its access control list lets others change or, if it
// is a secret, read. The system and the administrators are not others.
func guard(f *os.File, path string, _ fs.FileInfo, care Care) error {
	sd, err := windows.GetSecurityInfo(windows.Handle(f.Fd()), windows.SE_FILE_OBJECT,
		windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return unreadable(path, fmt.Errorf("read its access control list: %w", err))
	}
	own, err := ownSIDs()
	if err != nil {
		return unreadable(path, fmt.Errorf("find out who you are: %w", err))
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return unreadable(path, fmt.Errorf("find out whose it is: %w", err))
	}
	if owner == nil || !among(owner, own) {
		return refusal(path, "belongs to another user", "run lictrail as the file's owner, or take the file over")
	}
	acl, _, err := sd.DACL()
	if err != nil && !errors.Is(err, windows.ERROR_OBJECT_NOT_FOUND) {
		return unreadable(path, fmt.Errorf("read its access control list: %w", err))
	}
	if acl == nil { // none lets everybody do everything
		return refusal(path, "may be written by everybody", hintACL(path))
	}
	return guardList(path, acl, own, care)
}

func guardList(path string, acl *windows.ACL, own []*windows.SID, care Care) error {
	for i := range uint32(acl.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(acl, i, &ace); err != nil {
			return unreadable(path, fmt.Errorf("read its access control list: %w", err))
		}
		if ace.Header.AceType != windows.ACCESS_ALLOWED_ACE_TYPE || ace.Header.AceFlags&windows.INHERIT_ONLY_ACE != 0 {
			continue
		}
		who := (*windows.SID)(unsafe.Pointer(&ace.SidStart))
		switch {
		case among(who, own):
		case ace.Mask&writeRights != 0:
			return refusal(path, fmt.Sprintf("may be written by %s", accountName(who)), hintACL(path))
		case care == Secret && ace.Mask&readRights != 0:
			return refusal(path, fmt.Sprintf("may be read by %s", accountName(who)), hintACL(path))
		}
	}
	return nil
}

func hintACL(path string) string {
	return fmt.Sprintf(`icacls "%s" /inheritance:r /grant:r "%%USERNAME%%:F"`, path)
}

// ownSIDs are this user, the system, the administrators, and the entry that
// stands for whoever owns the file.
func ownSIDs() ([]*windows.SID, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, err
	}
	own := []*windows.SID{user.User.Sid}
	for _, kind := range []windows.WELL_KNOWN_SID_TYPE{windows.WinLocalSystemSid, windows.WinBuiltinAdministratorsSid, windows.WinCreatorOwnerRightsSid} {
		sid, err := windows.CreateWellKnownSid(kind)
		if err != nil {
			return nil, err
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
	if err != nil || name == "" {
		return sid.String()
	}
	if domain == "" {
		return name
	}
	return domain + `\` + name
}

func describe(fs.FileInfo) string { return "for you, the system and administrators" }
