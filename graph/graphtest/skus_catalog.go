package graphtest

import (
	"slices"
	"strings"
	"time"
)

// Well-known SKUs, as Microsoft numbers them.
const (
	SKUE3       = "05e9a617-0261-4cee-bb44-138d3ef5d965" // SPE_E3
	SKUE5       = "06ebc4ee-1bb5-47dd-8120-11324bc54e06" // SPE_E5
	SKUO365E3   = "6fd2c87f-b296-42f0-b197-1e91e994b900" // ENTERPRISEPACK
	SKUEMS      = "efccb6f7-5641-4e0e-bd10-b4976e1bf68e" // EMS
	SKUPowerBI  = "a403ebcc-fae0-4ca2-8c8c-7a907fd6c235" // POWER_BI_STANDARD
	SKUVisio    = "c5928f49-12ba-48f7-ada3-0d743a3601d5" // VISIOCLIENT
	SKUProject  = "53818b1b-4a27-454b-8896-0dba576410e6" // PROJECTPROFESSIONAL
	SKUFlowFree = "f30db892-07e9-47e9-837c-80727f46fd3d" // FLOW_FREE
	SKUCopilot  = "639dec6b-bb19-468b-871c-c5c441c4b0cb" // Microsoft_365_Copilot
)

// PlanAADPremium is the service plan that makes a tenant a premium one.
const PlanAADPremium = "41781fb2-bc02-4b7c-bd55-b576c07bb09d"

// Plan is one service plan of a SKU.
type Plan struct {
	ID, Name, Service string
}

// planTable lists plans as "name guid service".
const planTable = `
EXCHANGE_S_FOUNDATION 113feb6c-3fe4-4440-bddc-54d774bf0318 exchange
EXCHANGE_S_ENTERPRISE efb87545-963c-4e0d-99df-69c6916d9eb0 exchange
EXCHANGE_ANALYTICS 34c0d7a0-a70f-4668-9238-47f9fc208882 exchange
INFORMATION_BARRIERS c4801e8a-cb58-4c35-aca6-f2dcc106f287 exchange
MIP_S_Exchange cd31b152-6326-4d1b-ae1b-997b625182e6 exchange
LOCKBOX_ENTERPRISE 9f431833-0334-42de-a7dc-70aa40db46db exchange
EQUIVIO_ANALYTICS 4de31727-a228-4ec3-a5bf-8e45b5ca48cc exchange
ATP_ENTERPRISE f20fedf3-f3c3-43c3-8267-2bfdd51c0939 exchange
THREAT_INTELLIGENCE 8e0c0a52-6a6c-4d40-8370-dd62790dcd70 exchange
M365_ADVANCED_AUDITING 2f442157-a11c-46b9-ae5b-6e39ff4e5849 exchange
RECORDS_MANAGEMENT 65cc641f-cccd-4643-97e0-a17e3045e541 exchange
INFO_GOVERNANCE e26c2fcc-ab91-4a61-b35c-03cdc8dddf66 exchange
INSIDER_RISK d587c7a3-bda9-4f99-8776-9bcf59c84f75 exchange
DATA_INVESTIGATIONS 46129a58-a698-46f0-aa5b-17f6586297d9 exchange
COMMUNICATIONS_DLP 6dc145d6-95dd-4191-b9c3-185575ee6f6b exchange
PREMIUM_ENCRYPTION 617b097b-4b93-4ede-83de-5f075bb5fb2f exchange
PAM_ENTERPRISE b1188c4c-1b36-4018-b48b-ee07604f6feb exchange
ML_CLASSIFICATION d2d51368-76c9-4317-ada2-a12c004c432f exchange
MICROSOFTBOOKINGS 199a5c09-e0ca-4e37-8f7c-b05d533e1ea2 exchange
TEAMS1 57ff2da0-773e-42df-b2af-ffb7a2317929 TeamspaceAPI
MCOSTANDARD 0feaeb32-d00e-4d66-bd5a-43b5b83db82c MicrosoftCommunicationsOnline
MCOEV 4828c8ec-dc2e-4779-b502-87ac9ce28ab7 MicrosoftCommunicationsOnline
MCOMEETADV 3e26ee1f-8a5f-4d52-aee2-b81ce45c8f40 MicrosoftCommunicationsOnline
SHAREPOINTENTERPRISE 5dbe027f-2339-4123-9542-606e4d348a72 SharePoint
SHAREPOINTWAC e95bec33-7c88-4a70-8e19-b10bd9d0c014 SharePoint
ONEDRIVE_BASIC da792a53-cbc0-4184-a10d-e544dd34b3c1 SharePoint
OFFICESUBSCRIPTION 43de0ff5-c92c-492b-9116-175376d08c38 MicrosoftOffice
CLIPCHAMP a1ace008-72f3-4ea0-8dac-33b3a23a2472 Clipchamp
MICROSOFT_LOOP c4b8c31a-fb44-4c65-9837-a21f55fcabda Loop
YAMMER_ENTERPRISE 7547a3fe-08ee-4ccb-b430-5077c5041653 YammerEnterprise
SWAY a23b959c-7ce8-4e57-9140-b90eb88a9e97 Sway
Deskless 8c7d2df8-86f0-4902-b2ed-a0458298f3b3 Deskless
PROJECTWORKMANAGEMENT b737dad2-2f6c-4c65-90e3-ca563267e8b9 ProjectWorkManagement
STREAM_O365_E3 9e700747-8b1d-45e5-ab8d-ef187ceec156 MicrosoftStream
FORMS_PLAN_E3 2789c901-c14e-48ab-a76a-be334d9d793a OfficeForms
FORMS_PLAN_E5 e212cbc7-0961-4c40-9825-01117710dcb1 OfficeForms
FLOW_O365_P2 76846ad7-7776-4c40-a281-a386362dd1b9 ProcessSimple
POWERAPPS_O365_P2 c68f8d98-5534-41c8-bf36-22fa496fa792 PowerAppsService
POWERAPPS_O365_P3 9c0dab89-a30c-4117-86e7-97bda240acd2 PowerAppsService
BPOS_S_TODO_2 c87f142c-d1e9-4363-8630-aaea9c4d9ae5 To-Do
WHITEBOARD_PLAN2 94a54592-cd8b-425e-87c6-97868b000b91 WhiteboardServices
MIP_S_CLP1 5136a095-5cf0-4aff-bec3-e84448b38ea5 MIPExchangeSolutions
MIP_S_CLP2 efb0351d-3b08-4503-993d-383af8de41e3 MIPExchangeSolutions
MYANALYTICS_P2 33c4f319-9bdd-48d6-9c4d-410b750a4a5a exchange
MICROSOFT_SEARCH 94065c59-bc8e-4e8b-89e5-5138d471eaff MicrosoftSearch
EXCEL_PREMIUM 531ee2f8-b1cb-453b-9c21-d2180d014ca5 MicrosoftOffice
GRAPH_CONNECTORS_SEARCH_INDEX a6520331-d7d4-4276-95f5-15c0933bc757 MicrosoftSearch
CDS_O365_P3 afa73018-811e-46e9-988f-f75d2b1b8430 DynamicsNAV
PROJECT_O365_P3 b21a6b06-1988-436e-a07b-51ec6d9f52ad ProjectProgramsAndPortfolios
KAIZALA_STANDALONE 0898bdbb-73b0-471a-81e5-20f1fe4dd66e Kaizala
RMS_S_ENTERPRISE bea4c11e-220a-4e6d-8eb8-8ea15d019f90 RightsManagement
RMS_S_PREMIUM 6c57d4b6-3b23-47a5-9bc9-69f17b4947b3 RightsManagement
RMS_S_PREMIUM2 5689bec4-755d-4753-8b61-40975025187c RightsManagement
AAD_PREMIUM 41781fb2-bc02-4b7c-bd55-b576c07bb09d AADPremiumService
AAD_PREMIUM_P2 eec0eb4f-6444-4f95-aba0-50c24d67f998 AADPremiumService
MFA_PREMIUM 8a256a2b-b617-496d-b51b-e76466e88db0 MultiFactorService
INTUNE_A c1ec4a95-1f05-45b3-a911-aa3fa01094f5 SCO
ADALLOM_S_DISCOVERY 932ad362-64a8-4783-9106-97849a1a30b9 Adallom
ADALLOM_S_STANDALONE 2e2ddb96-6af9-4b1d-a3f0-d6ecfd22edb2 Adallom
ATA 14ab5db5-e6c4-4b20-b4bc-13e36fd2227f AzureAdvancedThreatAnalytics
WINDEFATP 871d91ec-ec1a-452b-a83f-bd76c7d770ef WindowsDefenderATP
MTP bf28f719-7844-4079-9c78-c1307898e192 MTP
SAFEDOCS bf6f5520-59e3-4f82-974b-7dbbc4fd27c7 WindowsDefenderATP
WIN10_PRO_ENT_SUB 21b439ba-a0ca-424f-a6cc-52f954a5b111 WindowsStore
UNIVERSAL_PRINT_01 795f6fe0-cc4d-4773-b050-5dde4dc704c9 UniversalPrint
WINDOWSUPDATEFORBUSINESS_DEPLOYMENTSERVICE 7bf960f6-2cd9-443a-8046-5dbff9558365 WindowsUpdateforBusinessCloudExtensions
BI_AZURE_P2 70d33638-9c74-4d01-bfd3-562de28bd4ba PowerBI
BI_AZURE_P0 2049e525-b859-401b-b2a0-e0a31c4b1fe4 AzureAnalysis
VISIOONLINE 2bdbaf8f-738f-4ac7-9234-3c3ee2ce7d0f WhiteboardServices
VISIO_CLIENT_SUBSCRIPTION 663a804f-1c30-4ff0-9915-9db84f0d1cea MicrosoftOffice
SHAREPOINT_PROJECT fe71d6c3-a2ea-4499-9778-da042bf08063 SharePoint
PROJECT_CLIENT_SUBSCRIPTION fafd7243-e5c1-4a3a-9e40-495efcb1d3c3 MicrosoftOffice
FLOW_P2_VIRAL 50e68c76-46c6-4674-81f9-75456511b170 ProcessSimple
M365_COPILOT_APPS a62f8878-de10-42f3-b68f-6149a25ceb97 M365CopilotApps
M365_COPILOT_BUSINESS_CHAT 3f30311c-6b1e-48a4-ab79-725b469da960 M365CopilotBusinessChat
M365_COPILOT_TEAMS b95945de-b3bd-46db-8437-f2beb6ea2347 TeamspaceAPI
M365_COPILOT_SHAREPOINT 0aedf20c-091d-420b-aadf-30c042609612 SharePoint
M365_COPILOT_CONNECTORS 89f1c4c8-0878-40f7-804d-869c9128ab5d MicrosoftSearch
`

const (
	officePlans = "EXCHANGE_S_ENTERPRISE TEAMS1 MCOSTANDARD SHAREPOINTENTERPRISE SHAREPOINTWAC OFFICESUBSCRIPTION YAMMER_ENTERPRISE SWAY Deskless PROJECTWORKMANAGEMENT STREAM_O365_E3 FORMS_PLAN_E3 FLOW_O365_P2 POWERAPPS_O365_P2 BPOS_S_TODO_2 WHITEBOARD_PLAN2 MIP_S_CLP1 MYANALYTICS_P2 MICROSOFT_SEARCH RMS_S_ENTERPRISE CLIPCHAMP MICROSOFTBOOKINGS"
	emsPlans    = "AAD_PREMIUM MFA_PREMIUM INTUNE_A RMS_S_PREMIUM ADALLOM_S_DISCOVERY"
	windows     = "WIN10_PRO_ENT_SUB UNIVERSAL_PRINT_01 WINDOWSUPDATEFORBUSINESS_DEPLOYMENTSERVICE"
	e5Extras    = "AAD_PREMIUM_P2 RMS_S_PREMIUM2 ADALLOM_S_STANDALONE ATA WINDEFATP MTP SAFEDOCS BI_AZURE_P2 MCOEV MCOMEETADV EXCHANGE_ANALYTICS INFORMATION_BARRIERS MIP_S_Exchange LOCKBOX_ENTERPRISE EQUIVIO_ANALYTICS ATP_ENTERPRISE THREAT_INTELLIGENCE M365_ADVANCED_AUDITING RECORDS_MANAGEMENT INFO_GOVERNANCE INSIDER_RISK DATA_INVESTIGATIONS COMMUNICATIONS_DLP PREMIUM_ENCRYPTION PAM_ENTERPRISE ML_CLASSIFICATION MICROSOFT_LOOP FORMS_PLAN_E5 POWERAPPS_O365_P3 MIP_S_CLP2 EXCEL_PREMIUM GRAPH_CONNECTORS_SEARCH_INDEX CDS_O365_P3 PROJECT_O365_P3 KAIZALA_STANDALONE"
)

type catalogSKU struct {
	id, part, plans string
	seats           int
}

var catalog = []catalogSKU{
	{SKUE3, "SPE_E3", officePlans + " " + emsPlans + " " + windows, 2000},
	{SKUE5, "SPE_E5", officePlans + " " + emsPlans + " " + windows + " " + e5Extras, 1000},
	{SKUO365E3, "ENTERPRISEPACK", officePlans, 2000},
	{SKUEMS, "EMS", emsPlans, 2000},
	{SKUPowerBI, "POWER_BI_STANDARD", "EXCHANGE_S_FOUNDATION BI_AZURE_P0", 1000000},
	{SKUVisio, "VISIOCLIENT", "ONEDRIVE_BASIC VISIOONLINE EXCHANGE_S_FOUNDATION VISIO_CLIENT_SUBSCRIPTION", 500},
	{SKUProject, "PROJECTPROFESSIONAL", "SHAREPOINTENTERPRISE SHAREPOINTWAC SHAREPOINT_PROJECT PROJECT_CLIENT_SUBSCRIPTION SWAY", 500},
	{SKUFlowFree, "FLOW_FREE", "EXCHANGE_S_FOUNDATION FLOW_P2_VIRAL", 10000},
	{SKUCopilot, "Microsoft_365_Copilot", "M365_COPILOT_APPS M365_COPILOT_BUSINESS_CHAT M365_COPILOT_TEAMS M365_COPILOT_SHAREPOINT M365_COPILOT_CONNECTORS", 500},
}

// viral lists the SKUs that people may give to themselves.
var viral = []string{SKUPowerBI, SKUFlowFree}

var plansByName = func() map[string]Plan {
	m := map[string]Plan{}
	for line := range strings.Lines(planTable) {
		if f := strings.Fields(line); len(f) == 3 {
			m[f[0]] = Plan{ID: f[1], Name: f[0], Service: f[2]}
		}
	}
	return m
}()

func plansNamed(names string) []Plan {
	var plans []Plan
	for _, name := range strings.Fields(names) {
		plans = append(plans, plansByName[name])
	}
	return plans
}

// PlanID returns the GUID of a well-known plan, or "".
func PlanID(name string) string { return plansByName[name].ID }

// Subscription is one purchase behind a SKU.
type Subscription struct {
	ID, CommerceID, Status string
	Trial                  bool
	Seats                  int
	Ends                   time.Time // when its status changes next; zero: a year after [Epoch]
}

// SKU is a product the tenant has.
type SKU struct {
	ID, PartNumber, AppliesTo              string
	Plans                                  []Plan
	Status                                 string // Enabled, Warning, Suspended, LockedOut
	Enabled, Warning, Suspended, LockedOut int
	Subscriptions                          []Subscription
	consumed                               int
}

// Consumed is the number of present users who hold the SKU.
func (s *SKU) Consumed() int { return s.consumed }

func (s *SKU) has(plan string) bool {
	return slices.ContainsFunc(s.Plans, func(p Plan) bool { return p.ID == plan })
}

func (s *SKU) planName(id string) string {
	for _, p := range s.Plans {
		if p.ID == id {
			return p.Name
		}
	}
	return id
}
