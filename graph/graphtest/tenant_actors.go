package graphtest

// ActorKind is what sort of principal acts.
type ActorKind string

const (
	ActorUser      ActorKind = "user"      // a person of the tenant
	ActorApp       ActorKind = "app"       // a service principal of the tenant
	ActorAgent     ActorKind = "agent"     // an agent user of the tenant: software in the shape of a user
	ActorPartner   ActorKind = "partner"   // a person of a partner's tenant
	ActorMicrosoft ActorKind = "microsoft" // a service of Microsoft
	ActorNone      ActorKind = "none"      // nobody is named
)

// Actor is a principal that does something.
type Actor struct {
	Kind       ActorKind
	ID         string // object id of the user or service principal
	Name       string // display name of an app
	UPN        string
	Client     string // the app behind a user, shown as the user's displayName
	AppID      string
	HomeTenant string // a partner's tenant
	// Owner is the tenant that owns the application of a service principal, as
	// servicePrincipals/{id} gives it. "" stands for the tenant itself, or for
	// Microsoft where the actor is a service of Microsoft.
	Owner string
}

// asUser reports whether events show the actor under initiatedBy.user.
func (a Actor) asUser() bool { return a.UPN != "" }

// The tenants that own the service principals of Microsoft's own services.
const (
	MicrosoftServices = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"
	MicrosoftCorp     = "72f988bf-86f1-41af-91ab-2d7cd011db47"
)

// Actors that every tenant knows.
var (
	// NoActor is the absence of an actor.
	NoActor = Actor{Kind: ActorNone}
	// GroupLicensing is the engine that applies the licenses of groups.
	GroupLicensing = Actor{Kind: ActorMicrosoft, ID: "5ab1c3f6-7a24-4a4e-9f0e-3f2b8b0c9f11", Name: "Microsoft Azure AD Group-Based Licensing"}
	// ApprovalManagement evaluates dynamic rules, and carries out join requests
	// that the owner of a static group has approved.
	ApprovalManagement = Actor{Kind: ActorMicrosoft, ID: "0b8d6c52-64d1-4b0e-8f6a-5a1d9b7e2c43", Name: "Microsoft Approval Management", AppID: "65d91a3d-ab74-42e6-8a2f-0add61688c74"}
	// SignUp is the app behind self-service sign-ups.
	SignUp = Actor{Kind: ActorMicrosoft, ID: "7d2e9a14-90c3-4c1f-b6d8-1e5f0a3b7c92", Name: "Signup", AppID: "b4bddae8-ab25-483e-8670-df09b9f1d0ea"}
	// OnlineServices is a Microsoft service that writes by itself.
	OnlineServices = Actor{Kind: ActorMicrosoft, ID: "c3f0e4b7-2d58-4e9a-9a17-6b8d5f4c1e20", Name: "Microsoft Online Services"}
	// PasswordService is operated by Microsoft though shaped as a user.
	PasswordService = Actor{Kind: ActorMicrosoft, ID: "00000000-0000-0000-0000-000000000000", UPN: "fim_password_service@support.onmicrosoft.com"}
	// GarbageCollector purges what was deleted 30 days ago.
	GarbageCollector = Actor{Kind: ActorMicrosoft, ID: "e91b7d3a-0c46-4f52-8b3e-2a7c6d9f5b18", Name: "Microsoft Online Services Garbage Collector"}
	// PowerBIService is a first-party application whose name says nothing of
	// who owns it.
	PowerBIService = Actor{Kind: ActorMicrosoft, ID: "3f6d1c08-9b52-4e77-a1d4-8c05e2b7f963", Name: "Power BI Service", AppID: "00000009-0000-0000-c000-000000000000", Owner: MicrosoftCorp}
	// SubscriptionLifecycle takes licenses away when they have expired.
	SubscriptionLifecycle = Actor{Kind: ActorMicrosoft, ID: "a8c47f02-5e1d-4b96-8d3a-f70b92c6e415", Name: "Microsoft Entra Subscription Lifecycle Process"}
)

// microsoftApps are the service principals of Microsoft's services that every
// tenant has.
var microsoftApps = []Actor{GroupLicensing, ApprovalManagement, SignUp, OnlineServices, GarbageCollector, PowerBIService, SubscriptionLifecycle}
