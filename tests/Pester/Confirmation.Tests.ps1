BeforeAll { . $PSScriptRoot/Setup.ps1 }

Describe 'Every cmdlet that writes' {
    BeforeAll {
        # Each cmdlet that asks, and something that it would write.
        $writers = [ordered]@{
            'Export-ConfusionMatrix' = '$data | Measure-Model $model | Export-ConfusionMatrix new.svg'
            'Export-AugmentationSheet' = '$data.Train[0] | Export-AugmentationSheet new.svg'
            'Export-Image'        = '$data.Test[0] | Export-Image new'
            'Export-PredictionSheet' = '$data.Test[0] | Invoke-Inference $model | Export-PredictionSheet new.svg'
            'Export-ReliabilityPlot' = '$data | Measure-Model $model | Export-ReliabilityPlot new.svg'
            'Export-TrainingPlot' = '$reports | Export-TrainingPlot new.svg'
            'Export-Model'        = '$model | Export-Model new.pth'
            'Export-ModelGraph'   = '$model | Export-ModelGraph new.dot'
            'Get-Cifar10'         = 'Get-Cifar10 -Uri http://127.0.0.1:1/cifar-10-binary.tar.gz'
            'Save-Model'          = '$model | Save-Model new.safetensors'
            'Start-ModelTraining' = '$data | Start-ModelTraining $model -Epochs 1 -BatchSize 32 -OutputDirectory new'
        }
        $kept = $env:CIFAR10PS_DATA, $env:XDG_CACHE_HOME
        $env:CIFAR10PS_DATA = $null
        $env:XDG_CACHE_HOME = "$TestDrive/cache"
        Push-Location (New-Item $TestDrive/work -ItemType Directory)
    }

    AfterAll {
        Pop-Location
        $env:CIFAR10PS_DATA, $env:XDG_CACHE_HOME = $kept
    }

    It 'asks with -Confirm, writes nothing after No, and something after Yes' {
        Set-Content $TestDrive/confirm.ps1 @(
            "Import-Module '$modulePath'"
            '$data = Get-Cifar10 -Synthetic -TrainCount 64 -TestCount 32; $model = New-ResNet20'
            '$reports = $data | Start-ModelTraining (New-ResNet20) -Epochs 1 -BatchSize 32'
            $writers.Values | ForEach-Object { "$_ -Confirm" }
            '"left: $(Get-ChildItem)"'
            '$model | Save-Model yes.safetensors -Confirm'
        )
        $text = (@('n') * $writers.Count + 'y') | pwsh -NoProfile -File $TestDrive/confirm.ps1 | Out-String
        ([regex]::Matches($text, 'Are you sure')).Count | Should -Be ($writers.Count + 1)
        $text | Should -Match '(?m)left: \r?$'
        $text | Should -Not -Match 'Cannot'
        (Get-ChildItem).Name | Should -Be 'yes.safetensors'
        "$TestDrive/cache/Cifar10Ps" | Should -Not -Exist
    }
}
